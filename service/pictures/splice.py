"""A view of some parts of a file, without copying them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO

from service.pictures.picture_header import Span

BUFFER_BYTES = 64 * 1024


def splice(file: BinaryIO, spans: Sequence[Span]) -> BinaryIO:
    """Return a seekable view in which some spans of a file are all of it.

    Args:
        file: seekable; the view moves its position, and never closes it.
        spans: start and stop, in order.
    """
    return io.BufferedReader(_Spliced(file, spans), BUFFER_BYTES)


class _Spliced(io.RawIOBase):
    def __init__(self, file: BinaryIO, spans: Sequence[Span]) -> None:
        super().__init__()
        self._file = file
        self._spans = spans
        self._length = sum(stop - start for start, stop in spans)
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
        skipped = self._position
        for start, stop in self._spans:
            if skipped < stop - start:
                self._file.seek(start + skipped)
                data = self._file.read(min(len(buffer), stop - start - skipped))
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
            skipped -= stop - start
        return 0
