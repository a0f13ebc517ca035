"""The blob store: pictures in, pictures out, one interface over folders, object stores, memory.

Type, size and SHA-256 of a blob are kept in the job record. The store's attributes, which a
directory does not have, serve those alone who read a blob by a signed URL.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

import obstore
import structlog
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, ObjectStore

from service.contract.errors import InputLost, StoreUnavailable
from service.contract.names import new_token
from service.contract.private_files import make_private_folder
from service.contract.setting_errors import SettingsError
from service.store.blob_faults import find_blob_fault
from service.store.object_stores import OBJECT_STORES, describe, open_object_store, sign
from service.telemetry import traces
from service.telemetry.families import BLOB_FAILURES, BLOB_SECONDS

if TYPE_CHECKING:
    from obstore import Attributes, Bytes

LOG_AGAIN_SECONDS = 30.0

WRITE_BUFFER_BYTES = 5 * 1024 * 1024

PIECE_BYTES = 256 * 1024
"""Size of the pieces of a blob that is read: an unread download holds no more than one."""

WINDOW_BYTES = 4 * PIECE_BYTES
"""Bytes that are read by one request from a store elsewhere."""

log = structlog.get_logger()


@dataclass(frozen=True)
class StoredBlob:
    """A blob that was written: path, size and hex SHA-256."""

    path: str
    bytes: int
    sha256: str


class BlobStore:
    """Blobs by path.

    Args:
        store: the object store.
        directory: root of a directory store; its files are synced to disk before a write returns,
            because obstore renames atomically but never syncs.
        signer: the same store by the address under which callers reach it; None: as `store`.
    """

    def __init__(
        self, store: ObjectStore, directory: Path | None = None, signer: ObjectStore | None = None
    ) -> None:
        self._store = store
        self._directory = directory
        self._signer = signer or store
        self._logged_at: dict[str, float] = {}

    @classmethod
    def open(cls, url: str, signing_endpoint: str = "") -> Self:
        """Open a store by URL: `file:///dir`, `s3://`, `gs://`, `az://bucket/prefix`, `memory://`.

        A directory is made if absent; only its owner can read it. The others take credentials and
        endpoint from the usual variables: `AWS_*`, `GOOGLE_*`, `AZURE_*`.

        Args:
            url: of the store.
            signing_endpoint: endpoint of S3 in signed URLs; empty: the store's own.

        Raises:
            SettingsError: the URL names no store that is known, or the folder cannot be made.
        """
        parts = urlsplit(url)
        if parts.scheme == "file":
            directory = Path(unquote(parts.path))
            _make_folder(directory)
            return cls(LocalStore(directory), directory)
        if parts.scheme == "memory":
            return cls(MemoryStore())
        if parts.scheme in OBJECT_STORES:
            signer = open_object_store(url, signing_endpoint) if signing_endpoint else None
            return cls(open_object_store(url), signer=signer)
        raise SettingsError(f"PAINTJOB_BLOB_URL={url}: must begin with file, s3, gs, az or memory")

    def fail(self, error: BaseException) -> StoreUnavailable:
        """Return an error as the one that callers see; log its cause every half minute at most."""
        fault, now = find_blob_fault(error), time.monotonic()
        if now - self._logged_at.get(fault.cause, -LOG_AGAIN_SECONDS) >= LOG_AGAIN_SECONDS:
            self._logged_at[fault.cause] = now
            place = str(self._directory or type(self._store).__name__)
            log.warning("store_unavailable", cause=fault.cause, detail=fault.detail, store=place)
        return StoreUnavailable(cause=fault.detail)

    @contextmanager
    def calling(self, operation: str, *, finds: bool = False) -> Iterator[None]:
        """Call the store in the block: its failures become ours, and its time is measured.

        Args:
            operation: as metrics show it.
            finds: True where a missing blob is an answer, not a failure.

        Raises:
            FileNotFoundError: there is no such blob, where `finds` is set.
            StoreUnavailable: the store does not answer, or has no space.
        """
        # A file that is written in pieces has a span for its end alone.
        is_whole = operation != "write"
        traced = traces.part(f"blob {operation}", "client") if is_whole else nullcontext()
        with BLOB_SECONDS.timing(operation), traced:
            try:
                yield
            except (BaseError, OSError) as error:
                if finds and isinstance(error, NotFoundError | FileNotFoundError):
                    raise FileNotFoundError("there is no such blob") from None
                BLOB_FAILURES.note(1, operation)
                raise self.fail(error) from error

    @property
    def shares_links(self) -> bool:
        """True if a linked blob needs no bytes of its own."""
        return self._directory is not None

    def sign(self, method: str, path: str, seconds: float) -> str | None:
        """Return a URL that allows one method on one blob for a while; None if none can be made.

        Raises:
            StoreUnavailable: there are no credentials to sign with.
        """
        with self.calling("sign"):
            return sign(self._signer, method, path, seconds)

    def put(self, path: str, data: bytes) -> StoredBlob:
        """Write a blob whole, durably.

        Raises:
            StoreUnavailable: the store does not take it.
        """
        self.put_all({path: data})
        return StoredBlob(path, len(data), hashlib.sha256(data).hexdigest())

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Write several blobs whole, durably: in one folder that costs less than one by one.

        Raises:
            StoreUnavailable: the store does not take them; some may be there.
        """
        with self.calling("put"):
            for path, data in blobs.items():
                obstore.put(self._store, path, data, attributes=self._attributes(path))
            self._sync(*blobs)

    def link(self, source: str, path: str) -> None:
        """Make a blob readable under a second path too, durably.

        In a directory both names share one file, whose bytes go with the last name; other stores
        copy by themselves.

        Raises:
            FileNotFoundError: there is no such blob.
            StoreUnavailable: the store does not answer, or has no space.
        """
        with self.calling("link", finds=True):
            if self._directory is None:
                obstore.copy(self._store, source, path)
            else:
                target = self._directory / path
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(self._directory / source, target)
        with self.calling("sync"):
            self._sync(path)

    def open_writer(self, path: str) -> BlobWriter:
        """Open a blob to write in pieces; nothing is visible before `close`."""
        return BlobWriter(self, path)

    def get(self, path: str) -> bytes:
        """Read a blob whole.

        Raises:
            FileNotFoundError: there is none.
            StoreUnavailable: the store does not answer.
        """
        with self.calling("get", finds=True):
            if self._directory is not None:
                # Without a thread in between, that costs a fifth.
                return (self._directory / path).read_bytes()
            return bytes(obstore.get(self._store, path).bytes())

    def get_checked(self, path: str, sha256: str) -> bytes:
        """Read a blob whole and check its digest.

        Raises:
            InputLost: it is missing or differs.
            StoreUnavailable: the store does not answer.
        """
        try:
            data = self.get(path)
        except FileNotFoundError:
            raise InputLost("an input is no longer in the blob store") from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputLost("an input differs from what was accepted")
        return data

    def stream(self, path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Read a blob, or the half-open byte range of one, in pieces of `PIECE_BYTES` at most.

        Raises:
            FileNotFoundError: there is none; raised here, before the first piece.
            StoreUnavailable: the store does not answer.
        """
        with self.calling("open", finds=True):
            size = int(obstore.head(self._store, path)["size"])
            end = size if end is None else end
            if self._directory is None:
                return _cut(self._read_windows(path, start, end))
            # An open file, which stays readable though it is deleted meanwhile.
            found = obstore.get(self._store, path, options={"range": (start, end)} if size else {})
            return _cut(found.stream(min_chunk_size=PIECE_BYTES))

    def _read_windows(self, path: str, start: int, end: int) -> Iterator[Bytes]:
        """Read by requests of their own: an open one would end by its timeout at a slow client."""
        for first in range(start, end, WINDOW_BYTES):
            last = min(first + WINDOW_BYTES, end)
            yield obstore.get_range(self._store, path, start=first, end=last)

    def list(self, prefix: str) -> list[str]:
        """Return the paths under a prefix."""
        with self.calling("list"):
            pages = obstore.list(self._store, prefix)
            return [meta["path"] for page in pages for meta in page]

    def delete(self, path: str) -> None:
        """Delete a blob; one that is not there is deleted already.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        with suppress(FileNotFoundError), self.calling("delete", finds=True):
            obstore.delete(self._store, path)

    def delete_prefix(self, prefix: str) -> int:
        """Delete every blob under a prefix; return how many there were.

        Raises:
            ValueError: the prefix does not end in a slash, so that `jobs/a` can never take
                `jobs/ab/` along.
            StoreUnavailable: the store does not answer.
        """
        if not prefix.endswith("/") or prefix == "/":
            raise ValueError("a prefix ends in a slash")
        paths = self.list(prefix)
        for path in paths:
            self.delete(path)
        self._remove_folders(prefix)
        return len(paths)

    def free_bytes(self) -> int | None:
        """Return the free bytes of a directory's disk; `None` of other stores.

        Raises:
            StoreUnavailable: the directory does not answer.
        """
        if self._directory is None:
            return None
        try:
            found = os.statvfs(self._directory)
        except OSError as error:
            raise self.fail(error) from error
        return found.f_bavail * found.f_frsize

    def check_writable(self) -> None:
        """Write, read and delete a blob.

        Raises:
            StoreUnavailable: the store does not answer, or does not take it.
        """
        path = f"health/{new_token()}"
        try:
            obstore.put(self._store, path, b"ok")
            obstore.get(self._store, path).bytes()
            obstore.delete(self._store, path)
        except (BaseError, OSError) as error:
            raise self.fail(error) from error

    def _attributes(self, path: str) -> Attributes | None:
        return describe(path) if self._directory is None else None

    def _sync(self, *paths: str) -> None:
        """Bring files, and then their names, to disk; other stores do it themselves.

        Raises:
            OSError: they are not: a full disk may show only here, and a file that is gone was wiped
                meanwhile.
        """
        if self._directory is None:
            return
        files = [self._directory / path for path in paths]
        folders = dict.fromkeys(file.parent for file in files)
        for target in (*files, *folders):
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _remove_folders(self, prefix: str) -> None:
        """Remove what a directory store leaves under a deleted prefix: empty folders, and parts.

        A writer that was killed leaves its part under a name that no listing shows.
        """
        if self._directory is None:
            return
        root = self._directory / prefix
        for path in (*sorted(root.rglob("*"), reverse=True), root):
            try:
                path.rmdir() if path.is_dir() else path.unlink()
            except OSError:
                # Not empty: another process writes there now, and the next wipe will come.
                continue


class BlobWriter:
    """Writes a blob in pieces and keeps its size, digest and first bytes."""

    def __init__(self, blobs: BlobStore, path: str) -> None:
        self._blobs = blobs
        self._path = path
        self._digest = hashlib.sha256()
        self._writer = obstore.open_writer(blobs._store, path, buffer_size=WRITE_BUFFER_BYTES)
        self.bytes = 0

    def write(self, data: bytes) -> int:
        """Take a piece.

        Raises:
            StoreUnavailable: the store does not take it.
        """
        self._digest.update(data)
        self.bytes += len(data)
        with self._blobs.calling("write"):
            self._writer.write(data)
        return len(data)

    def abandon(self) -> None:
        """Drop what was written, and the buffer with it.

        Parts that an object store has already would stay, and cost, where no listing shows them.
        Only the writer knows them, and it can end them in one way: the blob is completed, and
        deleted. What fails here was aborted by the writer, or is a blob that the wiping finds.
        """
        if self._blobs._directory is None and self.bytes >= WRITE_BUFFER_BYTES:
            with suppress(StoreUnavailable):
                with self._blobs.calling("close"):
                    self._writer.close()
                self._blobs.delete(self._path)
        del self._writer

    def close(self) -> StoredBlob:
        """Make the blob visible, durably.

        Raises:
            StoreUnavailable: the store does not take it.
        """
        with self._blobs.calling("close"):
            self._writer.close()
            self._blobs._sync(self._path)
        return StoredBlob(self._path, self.bytes, self._digest.hexdigest())


def _cut(chunks: Iterable[Bytes | bytes]) -> Iterator[bytes]:
    """Yield the bytes of chunks, whose size the store chooses, in pieces."""
    for chunk in chunks:
        data = memoryview(chunk)
        for start in range(0, len(data), PIECE_BYTES):
            yield bytes(data[start : start + PIECE_BYTES])


def _make_folder(directory: Path) -> None:
    """Make the folder of a store.

    Raises:
        SettingsError: it cannot be made.
    """
    try:
        make_private_folder(directory)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(
            f"the folder of the blobs, {directory}, cannot be made: {reason.lower()}; set "
            "PAINTJOB_DATA_DIR or PAINTJOB_BLOB_URL"
        ) from None
