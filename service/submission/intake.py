"""Stages the pictures of one request on their way to the blob store.

A small picture stays in memory until the request has passed every check, so that most refusals cost
no write; a large one is streamed to the store while it comes in, so that memory is bounded. A dry
run leaves nothing in the store: its large pictures are in temporary files.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from service.contract.errors import BodyTooLarge, StoreUnavailable
from service.contract.names import input_path, owner_of
from service.store import InputBytes
from service.store.blobs import BlobStore, BlobWriter

MEMORY_PART_BYTES = 256 * 1024
"""Larger pictures are streamed to the store; 160 threads may each hold two smaller ones."""

READ_BUFFER_BYTES = 1024 * 1024


class Intake:
    """The pictures of one request.

    Args:
        owner_id: id of the job or upload that they will belong to.
        blobs: where they are stored.
        begin_upload: called once, before the first byte is written to the store.
        max_part_bytes: limit for one picture.
        keeps: whether pictures may be written to the store; otherwise nothing is left there.

    Attributes:
        pictures: pictures that the caller sent, by name of the field.
        drawn: pictures made from what the caller sent, by their name in the job.
    """

    def __init__(
        self,
        owner_id: str,
        blobs: BlobStore,
        begin_upload: Callable[[str], None],
        max_part_bytes: int,
        *,
        keeps: bool = True,
    ) -> None:
        self.owner_id = owner_id
        self.blobs = blobs
        self.max_part_bytes = max_part_bytes
        self.keeps = keeps
        self.pictures: dict[str, PictureUpload] = {}
        self.drawn: dict[str, PictureUpload] = {}
        self.has_written = False
        self._begin_upload = begin_upload
        self._began = time.monotonic()

    @property
    def age_seconds(self) -> float:
        """Seconds since the request began."""
        return time.monotonic() - self._began

    def open_picture(self, name: str) -> PictureUpload:
        """Begin a picture, named by its field."""
        self.pictures[name] = PictureUpload(self, name)
        return self.pictures[name]

    def add_stored(self, name: str, path: str, size: int, sha256: str) -> None:
        """Add a picture that lies in the store under another owner; its blob will be shared."""
        self.pictures[name] = PictureUpload(self, name, stored=StoredPicture(path, size, sha256))

    def drop_picture(self, name: str) -> None:
        """Drop a picture that broke off; its part in the store is wiped with the request."""
        self.pictures.pop(name).close()

    def add_drawn(self, name: str, data: bytes) -> None:
        """Add a whole picture that was made here; the limit for sent pictures does not apply.

        Raises:
            BrokerUnavailable, StoreUnavailable: it cannot be written.
        """
        picture = PictureUpload(self, name, len(data))
        picture.write(data)
        picture.finish()
        self.drawn[name] = picture

    def everything(self) -> Mapping[str, PictureUpload]:
        """Return all pictures that the job will have, sent or drawn, by name."""
        return self.pictures | self.drawn

    def save(self) -> None:
        """Write the pictures that are still in memory.

        Raises:
            BrokerUnavailable, StoreUnavailable: it cannot be written.
        """
        pictures = self.everything().values()
        held = [picture for picture in pictures if picture.memory is not None]
        stored = [picture for picture in pictures if picture.stored is not None]
        if held or stored:
            self.begin_write()
        # Writing in pieces costs three times as much as one put.
        self.blobs.put_all({picture.path: bytes(picture.memory or b"") for picture in held})
        for picture in held:
            picture.memory = None
        for picture in stored:
            picture.link()

    def count_bytes(self) -> InputBytes:
        """Return the bytes of the pictures that were saved."""
        pictures = self.everything().values()
        own = sum(picture.bytes for picture in pictures if not picture.shared_with)
        shared = {picture.shared_with: picture.bytes for picture in pictures if picture.shared_with}
        return InputBytes(own, shared)

    def close(self) -> None:
        """Delete temporary files, and let go of everything that holds memory.

        Intake and pictures refer to each other: without this, the buffers of a request that broke
        off would stay until the next collection of cycles.
        """
        for picture in self.everything().values():
            picture.close()
        self.pictures.clear()
        self.drawn.clear()

    def begin_write(self) -> None:
        """Register what is written from now on to be wiped unless the job is accepted.

        Raises:
            BrokerUnavailable: the broker does not answer, so nothing may be written.
        """
        if not self.has_written:
            self._begin_upload(self.owner_id)
            self.has_written = True


@dataclass(frozen=True)
class StoredPicture:
    """A picture that is in the store already: path, number of bytes and hex digest."""

    path: str
    bytes: int
    sha256: str


class PictureUpload:
    """One picture: written in pieces, then read for checks, then saved by its intake.

    Attributes:
        memory: the bytes so far, until they go to the store.
        stored: where the picture lies already, until its blob is linked.
        shared_with: the upload whose blob the picture shares, once it is linked; else empty.
    """

    def __init__(
        self,
        intake: Intake,
        name: str,
        max_bytes: int | None = None,
        *,
        stored: StoredPicture | None = None,
    ) -> None:
        self.name = name
        self.path = input_path(intake.owner_id, name)
        self.bytes = stored.bytes if stored else 0
        self.stored = stored
        self.shared_with = ""
        self._known_sha256 = stored.sha256 if stored else None
        self._intake = intake
        self._max_bytes = intake.max_part_bytes if max_bytes is None else max_bytes
        self._digest = hashlib.sha256()
        self.memory: bytearray | None = None if stored else bytearray()
        self._writer: BlobWriter | _TemporaryFile | None = None
        self._temporary: _TemporaryFile | None = None

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes so far."""
        return self._known_sha256 or self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Add a piece.

        Raises:
            BodyTooLarge: the picture is larger than the limit.
            BrokerUnavailable, StoreUnavailable: it cannot be written.
        """
        self.bytes += len(data)
        if self.bytes > self._max_bytes:
            raise BodyTooLarge(
                f"{self.name} is larger than {self._max_bytes} bytes; send a smaller file"
            )
        self._digest.update(data)
        if self.memory is not None:
            self.memory += data
            if len(self.memory) > MEMORY_PART_BYTES:
                self._spill(self.memory)
        elif self._writer is not None:
            self._writer.write(data)

    def finish(self) -> None:
        """End the picture: all pieces were written.

        Raises:
            StoreUnavailable: the store refuses the picture.
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
        path = self.stored.path if self.stored else self.path
        reader = _BlobReader(self._intake.blobs, path, self.bytes)
        return io.BufferedReader(reader, READ_BUFFER_BYTES)

    def link(self) -> None:
        """Link the blob of a stored picture to its path in the job.

        Raises:
            StoreUnavailable: it was wiped meanwhile, or cannot be written.
        """
        if self.stored is None:
            return
        try:
            self._intake.blobs.link(self.stored.path, self.path)
        except FileNotFoundError as error:
            raise StoreUnavailable("a picture of the request was lost; send it again") from error
        if self._intake.blobs.shares_links:
            self.shared_with = owner_of(self.stored.path)
        self.stored = None

    def close(self) -> None:
        """Delete the temporary file, drop a blob that is not finished, and free the memory."""
        if isinstance(self._writer, BlobWriter):
            self._writer.abandon()
        if self._temporary is not None:
            self._temporary.drop()
        self._writer = self._temporary = self.memory = None

    def _spill(self, memory: bytearray) -> None:
        """Move the picture to the store, or to a temporary file."""
        if self._intake.keeps:
            self._intake.begin_write()
            self._writer = self._intake.blobs.open_writer(self.path)
        else:
            self._writer = self._temporary = _TemporaryFile()
        self.memory = None
        self._writer.write(bytes(memory))


class _TemporaryFile:
    """A file without a name, which is deleted at the latest when the process ends.

    Raises:
        StoreUnavailable: there is no space for it.
    """

    def __init__(self) -> None:
        try:
            # It lives as long as its intake, which closes it.
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        except OSError as error:
            raise StoreUnavailable("there is no space for temporary files") from error

    def write(self, data: bytes) -> None:
        """Write a piece."""
        try:
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise StoreUnavailable("there is no space for temporary files") from error

    def close(self) -> None:
        """Do nothing: the file will be read."""

    def open(self) -> BinaryIO:
        """Open it for reading from its start; one reader at a time."""
        reader = os.fdopen(os.dup(self._file.fileno()), "rb", READ_BUFFER_BYTES)
        reader.seek(0)
        return reader

    def drop(self) -> None:
        """Delete it."""
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
            raise StoreUnavailable("a picture of the request was lost; send it again") from error
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)
