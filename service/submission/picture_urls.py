"""Pictures that requests name by URL: fetched while the request waits, a bounded number at once.

Source: the guard is that of webhooks, `service.outbound`; the list of hosts comes on top.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpcore2
import httpx2
import structlog

from service.config import ServiceSettings
from service.contract.errors import (
    BodyTooLarge,
    ImageNotServed,
    ImageUnreachable,
    InvalidField,
    PaintjobError,
    TooManyWaiters,
    UnsupportedMediaType,
)
from service.contract.version import get_version
from service.outbound.exchange import ExchangeFailed, Headers, exchanging
from service.outbound.urls import parse_url
from service.pictures.headers import MAGIC_BYTES, is_picture

THREADS_PER_SLOT = 4
"""Of all threads a quarter may be fetching, and half of these from one host."""

BATCH_FETCH_SECONDS = 300.0
"""What all pictures of a batch may take together: its client waits, and so does a thread."""

_TRANSIENT = frozenset({408, 425, 429})

log = structlog.get_logger()


class PictureUrls:
    """Fetches pictures from the hosts that the operator allows."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._settings = settings
        self._hosts = settings.image_url_host_list
        self._slots = _Slots(max(1, settings.http_threads // THREADS_PER_SLOT))

    @property
    def is_open(self) -> bool:
        """Whether pictures may be named by URL at all."""
        return bool(self._hosts)

    def read(self, text: str) -> Iterator[bytes]:
        """Give the bytes of a picture while they come in.

        Raises:
            InvalidField: the URL breaks a rule, or leads to where callers may not reach.
            ImageNotServed, ImageUnreachable, UnsupportedMediaType, BodyTooLarge: it cannot be had.
            TooManyWaiters: too many are being fetched.
        """
        return self._read(text, time.monotonic(), self._settings.image_url_timeout_seconds)

    def open_budget(self) -> Callable[[str], Iterator[bytes]]:
        """Give a `read` for a batch: it waits for its turn, and all its calls share a time."""
        end = time.monotonic() + BATCH_FETCH_SECONDS

        def read(text: str) -> Iterator[bytes]:
            left = end - time.monotonic()
            if left <= 0:
                raise ImageUnreachable("the time for the pictures of this batch is over")
            return self._read(text, end, min(left, self._settings.image_url_timeout_seconds))

        return read

    def _read(self, text: str, patient_until: float, seconds: float) -> Iterator[bytes]:
        url = parse_url(text, self._settings.image_url_policy)
        if not self._hosts.allows(url):
            raise InvalidField("must name a host that the operator allows pictures from")
        return self._fetch(url, patient_until, seconds)

    def _fetch(self, url: httpx2.URL, patient_until: float, seconds: float) -> Iterator[bytes]:
        with self._slots.hold(url.host, patient_until):
            started = time.monotonic()
            code = "interrupted"
            try:
                with _translating():
                    yield from self._stream(url, started + seconds)
                code = "ok"
            except PaintjobError as error:
                code = error.code
                raise
            finally:
                # Of the URL the host alone: paths and queries hold secrets.
                took = round(time.monotonic() - started, 3)
                log.info("picture_fetched", host=url.host, outcome=code, seconds=took)

    def _stream(self, url: httpx2.URL, deadline: float) -> Iterator[bytes]:
        settings = self._settings
        with exchanging(
            "GET",
            url,
            _build_headers(),
            settings.image_url_policy,
            deadline,
            settings.image_url_ca_file,
        ) as answer:
            _check_answer(answer, settings.max_part_bytes)
            yield from _check_pieces(answer.iter_stream(), settings.max_part_bytes)


class _Slots:
    """Places for those who fetch: so many in all, and half of them for any one host.

    Args:
        most: places.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._per_host = max(1, most // 2)
        self._held: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, host: str, patient_until: float) -> Iterator[None]:
        """Hold a place while the block runs.

        Args:
            host: what is fetched from.
            patient_until: when to give up waiting for one, by `time.monotonic`.

        Raises:
            TooManyWaiters: none became free in time.
        """
        with self._changed:
            patience = patient_until - time.monotonic()
            if not self._changed.wait_for(lambda: self._is_free(host), max(0.0, patience)):
                detail = "too many pictures are being fetched; sent along they need no fetching"
                raise TooManyWaiters(detail, retry_after_seconds=2)
            self._held[host] += 1
        try:
            yield
        finally:
            with self._changed:
                self._held[host] -= 1
                self._held += Counter()
                self._changed.notify_all()

    def _is_free(self, host: str) -> bool:
        return self._held.total() < self._most and self._held[host] < self._per_host


def _build_headers() -> Headers:
    return {
        "User-Agent": f"Paintjob/{get_version()}",
        "Accept": "image/png, image/jpeg, image/webp",
        "Accept-Encoding": "identity",
    }


def _check_answer(answer: httpcore2.Response, max_bytes: int) -> None:
    """Judge an answer by its head."""
    status = answer.status
    headers = {name.lower(): value for name, value in answer.headers}
    if 300 <= status < 400:
        raise ImageNotServed("the host redirects, which is not followed; name where it leads to")
    if status in _TRANSIENT or status >= 500:
        raise ImageUnreachable(f"the host answered {status}")
    if status != 200:
        raise ImageNotServed(f"the host answered {status}")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise ImageNotServed("the host sends the picture compressed though it was asked not to")
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > max_bytes:
        raise _too_large(max_bytes)


def _check_pieces(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Pass a body on, judged by its first bytes, and counted."""
    start, count = b"", 0
    for piece in pieces:
        count += len(piece)
        if count > max_bytes:
            raise _too_large(max_bytes)
        if len(start) >= MAGIC_BYTES:
            yield piece
            continue
        start += piece
        if len(start) >= MAGIC_BYTES:
            _check_type(start)
            yield start
    if len(start) < MAGIC_BYTES:
        _check_type(start)


def _check_type(start: bytes) -> None:
    if not is_picture(start):
        raise UnsupportedMediaType("the URL must lead to a PNG, JPEG or WebP, judged by content")


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"the picture at the URL is larger than {max_bytes} bytes")


_REASONS = {
    "unresolvable": "the host of the URL has no address",
    "timeout": "the host did not send the picture in time",
    "invalid_answer": "what the host sent is no whole answer",
    "tls_failed": "the certificate of the host is not trusted",
    "unreachable": "the host does not answer",
}


@contextmanager
def _translating() -> Iterator[None]:
    """Tell in the caller's words why an exchange failed."""
    try:
        yield
    except ExchangeFailed as error:
        if error.reason == "address_refused":
            raise InvalidField("must not lead to a private or reserved address") from error
        raise ImageUnreachable(_REASONS[error.reason]) from error
