"""Pictures in JSON: as base64, as a data URL, or by reference."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from service.submission.intake import StoredPicture

OpenSource = Callable[[str], Iterator[bytes] | StoredPicture]
"""Returns the bytes of a picture by its name, or where it lies; ValueError if it has none."""

Sources = Mapping[str, OpenSource]
"""The sources of pictures: functions that open them, by the key that a reference uses."""

MASK_SOURCE = "job"
"""The source that only masks have."""

_DATA_URL = re.compile(
    r"""data:
    (?:[\w.+-]+/[\w.+-]+)?                       # media type
    (?:;[^;,="\s]+=(?:"[^"]*"|[^;,"]*))*          # its parameters, such as charset
    (?P<base64>;[ ]*base64)?,""",
    re.IGNORECASE | re.VERBOSE,
)
"""Source: RFC 2397, section 3."""

_ESCAPES = {
    **dict.fromkeys(("%2B", "%2b"), "+"),
    **dict.fromkeys(("%2F", "%2f"), "/"),
    **dict.fromkeys(("%3D", "%3d"), "="),
    **dict.fromkeys(("%20", "%09", "%0A", "%0a", "%0D", "%0d"), ""),
}
"""Percent-encoded characters that base64 may have. Source: RFC 2397, section 2."""

_BLANKS = dict.fromkeys(map(ord, " \t\r\n\f"))
_URL_SAFE = frozenset("-_")


def read_picture(value: Any, sources: Sources) -> Iterable[bytes] | StoredPicture:
    """Return the bytes of a picture, or where it lies already.

    Raises:
        ValueError: the value is no picture; the text may be shown to the caller.
    """
    if isinstance(value, dict):
        return _open_reference(value, sources)
    if not isinstance(value, str):
        raise ValueError(f"must be a picture as base64 or data URL{_or_reference(sources)}")
    return [decode_picture(value)]


def decode_picture(text: str) -> bytes:
    """Decode a picture written as base64, which may have line breaks, or as a data URL.

    Raises:
        ValueError: it is neither; the text may be shown to the caller.
    """
    data = _find_base64(text)
    with suppress(ValueError):
        return base64.b64decode(data, validate=True)
    data = data.translate(_BLANKS)
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(_describe_fault(data)) from None


def _find_base64(text: str) -> str:
    """Return the base64 of a data URL, or the whole text."""
    prefix = _DATA_URL.match(text)
    if prefix is None:
        return text
    if prefix["base64"] is None:
        raise ValueError('must be a data URL with base64: ";base64" is missing before the comma')
    data = text[prefix.end() :]
    if "%" in data:
        # One by one: `unquote` takes a hundred bytes of memory for each escape.
        for escape, character in _ESCAPES.items():
            data = data.replace(escape, character)
    return data


def _describe_fault(data: str) -> str:
    if not _URL_SAFE.isdisjoint(data):
        return (
            "is in base64's URL-safe alphabet; send the standard one, with + and / instead of - "
            "and _"
        )
    return "must be base64 with its padding, or a data URL with base64"


def _open_reference(value: dict[str, Any], sources: Sources) -> Iterator[bytes] | StoredPicture:
    if set(value) == {"url"} and "url" not in sources:
        raise ValueError(
            "pictures by URL are off (takes_image_urls in GET /limits); "
            f"send the picture as base64 or data URL{_or_reference(sources)}"
        )
    if len(value) != 1 or not set(value) <= set(sources):
        raise ValueError(f"must be a picture as base64 or data URL{_or_reference(sources)}")
    ((word, name),) = value.items()
    if not isinstance(name, str):
        raise ValueError(f"{word} must be a string")
    return sources[word](name)


def _or_reference(sources: Sources) -> str:
    if not sources:
        return ""
    return ", or an object with one of: " + ", ".join(sources)
