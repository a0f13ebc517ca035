"""A view of some parts of a file, without copying them."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO

from service.pictures.picture_header import Span

BUFFER_BYTES = 64 * 1024


def splice(
    file: BinaryIO, spans: Sequence[Span], prefix: bytes = b"", buffer_bytes: int = BUFFER_BYTES
) -> BinaryIO:
    """Return a seekable view in which some spans of a file are all of it.

    Args:
        file: seekable; the view moves its position, and never closes it.
        spans: start and stop, in order.
        prefix: what the view shows before them.
        buffer_bytes: how much is read at once.
    """
    return io.BufferedReader(_Spliced(file, spans, prefix), buffer_bytes)


class _Spliced(io.RawIOBase):
    def __init__(self, file: BinaryIO, spans: Sequence[Span], prefix: bytes) -> None:
        super().__init__()
        self._file = file
        self._prefix = prefix
        self._spans = spans
        lengths = (stop - start for start, stop in spans)
        # Where each span begins in the view, and behind the last one its end.
        self._begins = list(accumulate(lengths, initial=len(prefix)))
        self._length = self._begins[-1]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        bases = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}
        self._position = max(0, bases[whence] + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._position >= self._length:
            return 0
        if self._position < len(self._prefix):
            return self._take(self._prefix[self._position :][: len(buffer)], buffer)
        index = bisect_right(self._begins, self._position) - 1
        start, stop = self._spans[index]
        place = start + self._position - self._begins[index]
        self._file.seek(place)
        return self._take(self._file.read(min(len(buffer), stop - place)), buffer)

    def _take(self, data: bytes, buffer: bytearray | memoryview) -> int:
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
