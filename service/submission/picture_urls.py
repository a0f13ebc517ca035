"""Fetches pictures that requests name by URL, while the request waits, a few at a time.

Addresses are guarded as those of webhooks are, by `service.outbound`, and by the list of hosts.
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
"""A quarter of all threads may fetch at once, and half of these from one host."""

BATCH_FETCH_SECONDS = 300.0
"""Limit for all pictures of a batch together, for which a client and a thread wait."""

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
        """True if the operator allows any host."""
        return bool(self._hosts)

    def read(self, text: str) -> Iterator[bytes]:
        """Yield the bytes of a picture as they arrive.

        Raises:
            InvalidField: the URL breaks a rule, or leads to an address that is not allowed.
            ImageNotServed, ImageUnreachable, UnsupportedMediaType, BodyTooLarge: the host does not
                send a picture that is taken.
            TooManyWaiters: too many pictures are being fetched.
        """
        return self._read(text, time.monotonic(), self._settings.image_url_timeout_seconds)

    def open_budget(self) -> Callable[[str], Iterator[bytes]]:
        """Return a `read` for a batch, which waits for a slot; all calls share one time limit."""
        end = time.monotonic() + BATCH_FETCH_SECONDS

        def read(text: str) -> Iterator[bytes]:
            left = end - time.monotonic()
            if left <= 0:
                raise ImageUnreachable(
                    f"fetching the pictures of this batch took over {BATCH_FETCH_SECONDS:g} seconds"
                )
            return self._read(text, end, min(left, self._settings.image_url_timeout_seconds))

        return read

    def _read(self, text: str, patient_until: float, seconds: float) -> Iterator[bytes]:
        url = parse_url(text, self._settings.image_url_policy)
        if not self._hosts.allows(url):
            raise InvalidField("must name a host from which the operator allows pictures")
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
                # Only the host: path and query may hold secrets.
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
    """Slots for fetching: a number in all, and half of them for any one host.

    Args:
        most: number of slots.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._per_host = max(1, most // 2)
        self._held: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, host: str, patient_until: float) -> Iterator[None]:
        """Hold a slot while the block runs.

        Args:
            host: of the URL.
            patient_until: when to stop waiting for a slot, by `time.monotonic`.

        Raises:
            TooManyWaiters: no slot became free in time.
        """
        with self._changed:
            patience = patient_until - time.monotonic()
            if not self._changed.wait_for(lambda: self._is_free(host), max(0.0, patience)):
                detail = (
                    "too many pictures are being fetched; try again, or send the picture itself"
                )
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
    """Check the status and headers of an answer."""
    status = answer.status
    headers = {name.lower(): value for name, value in answer.headers}
    if 300 <= status < 400:
        raise ImageNotServed(
            "the host redirects, which is not followed; send the URL that it redirects to"
        )
    if status in _TRANSIENT or status >= 500:
        raise ImageUnreachable(f"the host answered {status}")
    if status != 200:
        raise ImageNotServed(f"the host answered {status}")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise ImageNotServed(
            "the host sends the picture with a Content-Encoding that was not asked for"
        )
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > max_bytes:
        raise _too_large(max_bytes)


def _check_pieces(pieces: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Yield a body, after checking its first bytes, and count it."""
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
        raise UnsupportedMediaType("the URL must lead to a picture of a format that is taken")


def _too_large(max_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"the picture at the URL is larger than {max_bytes} bytes")


_REASONS = {
    "unresolvable": "the host of the URL has no address in DNS",
    "timeout": "the host did not send the picture in time",
    "invalid_answer": "the host's answer is not valid HTTP, or was cut short",
    "tls_failed": "the certificate of the host is not trusted",
    "unreachable": "the host does not answer",
}


@contextmanager
def _translating() -> Iterator[None]:
    """Translate a failed exchange into an error for the caller."""
    try:
        yield
    except ExchangeFailed as error:
        if error.reason == "address_refused":
            raise InvalidField("must not lead to a private or reserved address") from error
        raise ImageUnreachable(_REASONS[error.reason]) from error
