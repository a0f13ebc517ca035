"""Pictures that are sent once and used by several jobs: `POST /uploads`.

The blob of an upload is stored as a picture of a job with its id, and is wiped as one of a job that
was never submitted. A job that uses it gets a link to the blob, which stays when the upload goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from service.config import ServiceSettings
from service.contract.errors import NotFound
from service.contract.names import is_upload_id, new_upload_id
from service.pictures.checks import check_pixels
from service.pictures.headers import read_header
from service.store import JobStore, Stored, Upload, try_twice
from service.store.blobs import BlobStore
from service.submission.intake import Intake, StoredPicture

UPLOAD_LIFE = timedelta(days=1)
WIPE_MARGIN = timedelta(hours=1)
"""The blob outlives the record, so that an upload that was found can be read."""

_FILE = "file"


class UploadStore:
    """Keeps the uploads of tenants."""

    def __init__(self, settings: ServiceSettings, store: JobStore, blobs: BlobStore) -> None:
        self._settings = settings
        self._store = store
        self._blobs = blobs

    @contextmanager
    def open_intake(self) -> Iterator[Intake]:
        """Open an intake for one picture; if the block raises, what was written is wiped."""
        life = (UPLOAD_LIFE + WIPE_MARGIN).total_seconds()
        intake = Intake(
            new_upload_id(),
            self._blobs,
            lambda upload_id: self._store.jobs.begin_upload(upload_id, life),
            self._settings.max_part_bytes,
        )
        try:
            yield intake
        except BaseException:
            if intake.has_written:
                self._store.jobs.abandon_upload(intake.owner_id)
            raise
        finally:
            intake.close()

    def keep(self, intake: Intake, tenant: str) -> tuple[Upload, Stored]:
        """Keep the picture of an intake; return its record, and what the tenant stores then.

        Raises:
            TooMuchStored: the tenant may store no further upload, or not so many bytes.
            UnsupportedMediaType, ImageUndecodable, ImageTooLarge: it is not a picture that a job
                could use.
            BrokerUnavailable, StoreUnavailable: it cannot be stored.
        """
        picture = intake.pictures[_FILE]
        with picture.open() as file:
            header = read_header(file)
        check_pixels(header, self._settings.max_image_pixels)
        intake.save()
        upload = Upload(
            upload_id=intake.owner_id,
            tenant=tenant,
            path=picture.path,
            bytes=picture.bytes,
            sha256=picture.sha256,
            format=header.format,
            width=header.width,
            height=header.height,
            expires_at=datetime.now(UTC) + UPLOAD_LIFE,
        )
        limits = self._settings.stored_limits
        return upload, try_twice(lambda: self._store.uploads.keep(upload, limits))

    def find(self, upload_id: str, tenant: str) -> Upload:
        """Return the record of an upload.

        Raises:
            NotFound: there is none, it has expired, or it is another tenant's.
        """
        found = self._store.uploads.find(upload_id, tenant) if is_upload_id(upload_id) else None
        if found is None:
            raise NotFound("there is no such upload, or it has expired")
        return found

    def find_picture(self, upload_id: str, tenant: str) -> StoredPicture:
        """Return where the picture of an upload lies.

        Raises:
            ValueError: there is none; the text is for the caller.
        """
        try:
            found = self.find(upload_id, tenant)
        except NotFound:
            raise ValueError("is not one of your uploads; POST /uploads makes one") from None
        return StoredPicture(found.path, found.bytes, found.sha256)

    def drop(self, upload_id: str, tenant: str) -> None:
        """Delete an upload and its blob; jobs that used it keep theirs.

        Raises:
            NotFound: there is none, or it is another tenant's.
        """
        self.find(upload_id, tenant)
        self._store.uploads.drop(upload_id, tenant)
