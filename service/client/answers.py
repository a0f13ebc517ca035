"""The base classes of the documents in `documents`, which is generated."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A document of the service; fields that this client does not know are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Ending(Document):
    """A job or a batch, which ends."""

    status: str

    @property
    def is_finished(self) -> bool:
        """True if the job or batch has reached a final state."""
        return self.status in ("succeeded", "failed", "canceled", "ended")
