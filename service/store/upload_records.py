"""The records of uploaded pictures that wait to be used."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from service.store.runner import StorePart


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

    def keep(self, upload: Upload) -> None:
        """Remember a picture until it runs out."""
        document = json.dumps(asdict(upload) | {"expires_at": upload.expires_at.isoformat()})
        left = max(upload.expires_at - datetime.now(UTC), timedelta(milliseconds=1))
        self._scripts.guard(
            lambda: self._scripts.redis.set(
                self._scripts.key("upload", upload.upload_id), document, left
            )
        )

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

    def drop(self, upload_id: str) -> None:
        """Forget a picture; its blob is wiped as one that no job took."""
        self._scripts.guard(
            lambda: self._scripts.redis.delete(self._scripts.key("upload", upload_id))
        )
