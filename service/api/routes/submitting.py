"""Shared by the routes that accept jobs: the sender, and where named pictures are."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g, request

from service.api.access.auth import get_caller
from service.api.context import get_context
from service.api.requests.references import OpenSource, Sources
from service.contract.errors import Fault
from service.submission.request import Sender

DRY_RUN = "dry_run"
_WORDS = {"true": True, "false": False}


def get_sender() -> Sender:
    """Return the sender of the request that is being answered."""
    caller = get_caller()
    return Sender(caller.tenant, caller.key_id, caller.limits, g.request_id)


def build_sources(read_url: OpenSource, further: Mapping[str, OpenSource] | None = None) -> Sources:
    """Build the table of where pictures are that a request only names.

    Args:
        read_url: fetches a picture by its URL; left out where the operator allows no host.
        further: sources that this request alone has.
    """
    context, tenant = get_context(), get_caller().tenant
    sources = {**(further or {}), "upload": lambda name: context.uploads.find_picture(name, tenant)}
    return {**sources, "url": read_url} if context.picture_urls.is_open else sources


def read_dry_run() -> tuple[bool, list[Fault]]:
    """Return whether a plan is requested, and the faults of the query.

    Any other parameter is refused: it would be ignored, and the job painted without it. A query
    with faults counts as a plan, so that no picture is stored.
    """
    faults = []
    if set(request.args) - {DRY_RUN}:
        message = f"the only query parameter here is {DRY_RUN}; send all others in the body"
        faults.append(Fault("", "unknown_field", message))
    values = request.args.getlist(DRY_RUN)
    if len(values) > 1 or any(value not in _WORDS for value in values):
        message = f"{DRY_RUN} must be true or false, given once"
        faults.append(Fault("", "invalid_field", message, tuple(_WORDS)))
    return bool(faults) or _WORDS[values[0] if values else "false"], faults
