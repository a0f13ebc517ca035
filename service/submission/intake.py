"""Pictures of one request on their way to the blob store.

A small part stays in memory until the request has passed every check, so that most refusals cost no
write; a large one is streamed to the store while it comes in, so that memory stays bounded. What is
only planned leaves nothing in the store: its large parts wait in temporary files.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Mapping
from typing import BinaryIO

from service.contract.errors import BodyTooLarge, StoreUnavailable
from service.contract.names import input_path
from service.store.blobs import BlobStore, BlobWriter

MEMORY_PART_BYTES = 256 * 1024
"""Larger parts go to the store as they come; 160 threads may each hold two smaller ones."""

READ_BUFFER_BYTES = 1024 * 1024


class Intake:
    """The pictures of one request.

    Args:
        job_id: the job they will belong to.
        blobs: where they go.
        begin_upload: called once, before the first byte is written to the store.
        max_part_bytes: limit for one picture.
        keeps: whether pictures may go to the store; else they leave nothing there.

    Attributes:
        pictures: what the caller sent, by the name of its field.
        drawn: what was made of what the caller sent, by the name that the job has for it.
    """

    def __init__(
        self,
        job_id: str,
        blobs: BlobStore,
        begin_upload: Callable[[str], None],
        max_part_bytes: int,
        *,
        keeps: bool = True,
    ) -> None:
        self.job_id = job_id
        self.blobs = blobs
        self.max_part_bytes = max_part_bytes
        self.keeps = keeps
        self.pictures: dict[str, PictureUpload] = {}
        self.drawn: dict[str, PictureUpload] = {}
        self.has_written = False
        self._begin_upload = begin_upload

    def open_picture(self, name: str) -> PictureUpload:
        """Begin a picture; the name is that of its field."""
        self.pictures[name] = PictureUpload(self, name)
        return self.pictures[name]

    def drop_picture(self, name: str) -> None:
        """Forget a picture that broke off; what lies in the store of it goes with the request."""
        self.pictures.pop(name).close()

    def add_drawn(self, name: str, data: bytes) -> None:
        """Take a picture that was made here, whole; no limit for what is sent applies to it.

        Raises:
            BrokerUnavailable, StoreUnavailable: it cannot be written.
        """
        picture = PictureUpload(self, name, len(data))
        picture.write(data)
        picture.finish()
        self.drawn[name] = picture

    def everything(self) -> Mapping[str, PictureUpload]:
        """Give all pictures that the job will have, sent or drawn, by name."""
        return self.pictures | self.drawn

    def save(self) -> None:
        """Write what is still in memory.

        Raises:
            BrokerUnavailable, StoreUnavailable: it cannot be written.
        """
        held = [picture for picture in self.everything().values() if picture.memory is not None]
        if not held:
            return
        self.begin_write()
        # A writer in pieces costs three times what one put does.
        self.blobs.put_all({picture.path: bytes(picture.memory or b"") for picture in held})
        for picture in held:
            picture.memory = None

    def close(self) -> None:
        """Drop temporary files."""
        for picture in self.everything().values():
            picture.close()

    def begin_write(self) -> None:
        """Have the broker wipe what is written from now on, unless the job is accepted.

        Raises:
            BrokerUnavailable: it does not answer, so nothing may be written.
        """
        if not self.has_written:
            self._begin_upload(self.job_id)
            self.has_written = True


class PictureUpload:
    """One picture: written in pieces, then read for checks, then saved by its intake.

    Attributes:
        memory: what has been written, until it goes to the store.
    """

    def __init__(self, intake: Intake, name: str, max_bytes: int | None = None) -> None:
        self.name = name
        self.path = input_path(intake.job_id, name)
        self.bytes = 0
        self._intake = intake
        self._max_bytes = intake.max_part_bytes if max_bytes is None else max_bytes
        self._digest = hashlib.sha256()
        self.memory: bytearray | None = bytearray()
        self._writer: BlobWriter | _TemporaryFile | None = None
        self._temporary: _TemporaryFile | None = None

    @property
    def sha256(self) -> str:
        """Hex digest of what has been written."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Take a piece.

        Raises:
            BodyTooLarge: the picture is larger than the limit.
            BrokerUnavailable, StoreUnavailable: it cannot be written.
        """
        self.bytes += len(data)
        if self.bytes > self._max_bytes:
            raise BodyTooLarge(f"{self.name} is larger than {self._max_bytes} bytes")
        self._digest.update(data)
        if self.memory is not None:
            self.memory += data
            if len(self.memory) > MEMORY_PART_BYTES:
                self._spill(self.memory)
        elif self._writer is not None:
            self._writer.write(data)

    def finish(self) -> None:
        """Take it that all pieces are there.

        Raises:
            StoreUnavailable: the store does not take the picture.
        """
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def open(self) -> BinaryIO:
        """Open the finished picture for reading."""
        if self.memory is not None:
            return io.BytesIO(self.memory)
        if self._temporary is not None:
            return self._temporary.open()
        reader = _BlobReader(self._intake.blobs, self.path, self.bytes)
        return io.BufferedReader(reader, READ_BUFFER_BYTES)

    def close(self) -> None:
        """Drop the temporary file, if there is one."""
        if self._temporary is not None:
            self._temporary.drop()

    def _spill(self, memory: bytearray) -> None:
        """Go on in the store, or in a temporary file."""
        if self._intake.keeps:
            self._intake.begin_write()
            self._writer = self._intake.blobs.open_writer(self.path)
        else:
            self._writer = self._temporary = _TemporaryFile()
        self.memory = None
        self._writer.write(bytes(memory))


class _TemporaryFile:
    """A file without a name, which the system takes back at the latest when the process ends.

    Raises:
        StoreUnavailable: there is no room for it.
    """

    def __init__(self) -> None:
        try:
            # It lives as long as its intake, which closes it.
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        except OSError as error:
            raise StoreUnavailable("there is no room for temporary files") from error

    def write(self, data: bytes) -> None:
        """Take a piece."""
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise StoreUnavailable("there is no room for temporary files") from error

    def close(self) -> None:
        """Do nothing: it is yet to be read."""

    def open(self) -> BinaryIO:
        """Open it for reading from its start; one reader at a time."""
        reader = os.fdopen(os.dup(self._file.fileno()), "rb", READ_BUFFER_BYTES)
        reader.seek(0)
        return reader

    def drop(self) -> None:
        """Give it back."""
        self._file.close()


class _BlobReader(io.RawIOBase):
    """A blob as a seekable file, read by ranges."""

    def __init__(self, blobs: BlobStore, path: str, size: int) -> None:
        self._blobs, self._path, self._size = blobs, path, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        try:
            data = b"".join(self._blobs.stream(self._path, self._position, end))
        except FileNotFoundError as error:
            raise StoreUnavailable("an upload was lost") from error
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
