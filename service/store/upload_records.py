"""The records of uploaded pictures that wait to be used."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from service.contract.keys import StoredLimits
from service.store.runner import StorePart, milliseconds
from service.store.stored import Stored, read_stored
from service.store.verdicts import refusal_of


@dataclass(frozen=True)
class Upload:
    """A picture that waits to be used; its blob lies where that of a job of this id would."""

    upload_id: str
    tenant: str
    path: str
    bytes: int
    sha256: str
    format: str
    width: int
    height: int
    expires_at: datetime


class Uploads(StorePart):
    """The records of uploads, for the API."""

    def keep(self, upload: Upload, limits: StoredLimits) -> Stored:
        """Remember a picture until it runs out, and return what its tenant stores then.

        Raises:
            TooMuchStored: the tenant may store no further upload, or not so many bytes.
            StoreUnavailable: the upload took so long that its blob was wiped.
        """
        document = json.dumps(asdict(upload) | {"expires_at": upload.expires_at.isoformat()})
        left = max(upload.expires_at - datetime.now(UTC), timedelta(milliseconds=1))
        verdict, stored = self._scripts.run(
            "keep_upload",
            upload_id=upload.upload_id,
            tenant=upload.tenant,
            document=document,
            bytes=upload.bytes,
            left_ms=milliseconds(left.total_seconds()),
            upload_limit=limits.uploads,
            stored_byte_limit=limits.bytes,
        )
        if verdict != b"kept":
            raise refusal_of(verdict.decode())
        return read_stored(stored)

    def find(self, upload_id: str, tenant: str) -> Upload | None:
        """Return an upload; None if there is none, or it is another tenant's."""
        document = self._scripts.guard(
            lambda: self._scripts.redis.get(self._scripts.key("upload", upload_id))
        )
        if document is None:
            return None
        fields = json.loads(document)
        fields["expires_at"] = datetime.fromisoformat(fields["expires_at"])
        upload = Upload(**fields)
        return upload if upload.tenant == tenant else None

    def drop(self, upload_id: str, tenant: str) -> None:
        """Forget a picture; its blob is wiped as one that no job took."""
        self._scripts.run("drop_upload", upload_id=upload_id, tenant=tenant)
