"""The workers that are online: each announces itself for three leases at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.store.runner import StorePart, milliseconds

PRESENCE_LEASES = 3


@dataclass(frozen=True)
class OnlineWorker:
    """A worker that is online.

    Attributes:
        state: `starting`, `idle`, `busy`, `draining` or `broken`.
        seen_at: when it last announced itself.
    """

    name: str
    queue: str
    methods: list[tuple[str, str]]
    models: list[str]
    state: str
    seen_at: datetime


class Presence(StorePart):
    """The workers that are online."""

    def announce(
        self,
        name: str,
        queue: str,
        *,
        methods: Sequence[tuple[str, str]],
        models: Sequence[str],
        state: str,
    ) -> None:
        """Announce a worker for three leases."""
        document = {
            "name": name,
            "queue": queue,
            "methods": list(methods),
            "models": list(models),
            "state": state,
        }
        self._scripts.run(
            "presence",
            name=name,
            queue=queue,
            document=document,
            ttl_ms=milliseconds(PRESENCE_LEASES * self._scripts.lease_seconds),
        )

    def leave(self, name: str, queue: str) -> None:
        """Withdraw the announcement of a worker."""
        self._scripts.run("presence", name=name, queue=queue)

    def load_workers(self) -> list[OnlineWorker]:
        """Return the workers that are online."""
        queues = self._scripts.guard(
            lambda: self._scripts.redis.smembers(self._scripts.key("queues"))
        )
        documents = [doc for queue in sorted(queues) for doc in self._read_queue(queue.decode())]
        return [_parse_worker(json.loads(document)) for document in documents]

    def _read_queue(self, queue: str) -> list[bytes]:
        """Return the last announcements of the workers of a queue that are online."""
        names = self._scripts.guard(
            lambda: self._scripts.redis.zrange(self._scripts.key("workers", queue), 0, -1)
        )
        if not names:
            return []
        keys = [self._scripts.key("worker", name.decode()) for name in names]
        return [
            document
            for document in self._scripts.guard(lambda: self._scripts.redis.mget(keys))
            if document
        ]


def _parse_worker(document: dict[str, Any]) -> OnlineWorker:
    return OnlineWorker(
        name=document["name"],
        queue=document["queue"],
        methods=[(operation, method) for operation, method in document["methods"]],
        models=list(document["models"]),
        state=document["state"],
        seen_at=datetime.fromtimestamp(document["seen_at"] / 1000, tz=UTC),
    )
