"""Stores elsewhere: opened by URL, and signing URLs for those who read a blob themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import obstore
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store, from_url

from service.contract.formats import EXTENSIONS, MEDIA_TYPES
from service.contract.names import owner_of
from service.contract.setting_errors import SettingsError

if TYPE_CHECKING:
    from obstore import Attributes
    from obstore.store import ClientConfig, RetryConfig

OBJECT_STORES = ("s3", "gs", "az")
"""Schemes of their URLs."""

# obstore's own defaults go on for three minutes, far longer than any client waits.
# Plain HTTP is the endpoint's to choose: its URL says so.
_CLIENT: ClientConfig = {"connect_timeout": "2s", "timeout": "30s", "allow_http": True}
_RETRY: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}

_TYPES = {EXTENSIONS[name]: media_type for name, media_type in MEDIA_TYPES.items()}


def open_object_store(url: str, endpoint: str = "") -> ObjectStore:
    """Open a store, at its own endpoint or at another.

    Raises:
        SettingsError: its library refuses the URL, or a variable.
    """
    try:
        if endpoint:
            return from_url(url, config={"endpoint": endpoint}, client_options=_CLIENT)
        return from_url(url, client_options=_CLIENT, retry_config=_RETRY)
    except (BaseError, TypeError, ValueError) as error:
        reason = str(error).split("\n")[0]
        raise SettingsError(f"PAINTJOB_BLOB_URL={url}: {reason}") from None


def describe(path: str) -> Attributes | None:
    """Return how a store is to send a blob to callers; None for what they never read."""
    media_type = _TYPES.get(path.rpartition(".")[2])
    if media_type is None:
        return None
    name = f"{owner_of(path)}-{path.rpartition('/')[2]}"
    return {
        "Content-Type": media_type,
        "Content-Disposition": f'inline; filename="{name}"',
        "Cache-Control": "private",
    }


def sign(store: ObjectStore, method: str, path: str, seconds: float) -> str | None:
    """Return a URL that allows one method on one blob for a while; None if none can be made."""
    if not isinstance(store, S3Store | GCSStore | AzureStore):
        return None
    verb: Literal["HEAD", "GET"] = "HEAD" if method == "HEAD" else "GET"
    return obstore.sign(store, verb, path, timedelta(seconds=seconds))
