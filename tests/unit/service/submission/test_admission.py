"""Admission asks a broker at most once for all who ask at the same time."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from service.config import ServiceSettings
from service.contract.errors import BrokerUnavailable
from service.store import connect
from service.store.blobs import BlobStore
from service.submission.admission import Admission


def test_admission_asks_a_broker_that_hangs_once_for_all_who_wait(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        settings = ServiceSettings(redis_url=url, data_dir=tmp_path)
        store = connect(url, socket_timeout=0.5)
        admission = Admission(settings, store, BlobStore.open(tmp_path.as_uri()))
        told: list[str] = []

        def ask() -> None:
            try:
                admission.check()
            except BrokerUnavailable as error:
                told.append(error.code)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        silent.setblocking(False)
        connections = 0
        while _accepts(silent):
            connections += 1
    store.redis.close()
    assert told == [BrokerUnavailable.code] * 8
    # On a busy machine one may come when the first look is over.
    assert 1 <= connections <= 2


def _accepts(server: socket.socket) -> bool:
    try:
        server.accept()[0].close()
    except BlockingIOError:
        return False
    return True
