"""A proxy before the broker that cuts the connection when a reply comes.

The command was executed then, and the client cannot know.
"""

from __future__ import annotations

import random
import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import unquote

CHUNK_BYTES = 1 << 16


class ReplyCutter:
    """Forwards between clients and a broker on a unix socket; use it as a context.

    Args:
        broker_url: `unix://` URL of the broker.

    Attributes:
        cuts: replies that no client got.
    """

    def __init__(self, broker_url: str) -> None:
        self._upstream = unquote(broker_url.removeprefix("unix://"))
        self._directory = Path(tempfile.mkdtemp(prefix="pj-cut-"))
        self._path = str(self._directory / "s")
        self._listener = socket.socket(socket.AF_UNIX)
        self._threads: list[threading.Thread] = []
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._is_wanted: Callable[[bytes], bool] = lambda command: False
        self.cuts = 0

    def __enter__(self) -> ReplyCutter:
        self._listener.bind(self._path)
        self._listener.listen()
        self._listener.settimeout(0.1)
        self._start(self._accept)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()
        shutil.rmtree(self._directory)

    @property
    def url(self) -> str:
        """URL of the proxy."""
        return f"unix://{self._path}"

    def cut_next(self, part: str) -> None:
        """Cut the reply of the next command that holds this text, and of no further one."""
        wanted = [part.encode()]

        def is_wanted(command: bytes) -> bool:
            return bool(wanted) and wanted[0] in command and bool(wanted.pop())

        self._is_wanted = is_wanted

    def cut_often(self, share: float, seed: int) -> None:
        """Cut this share of all replies to scripts from now on."""
        dice = random.Random(seed)  # noqa: S311 # nosec - chooses replies
        self._is_wanted = lambda command: b"EVALSHA" in command and dice.random() < share

    def cut_nothing(self) -> None:
        """Forward everything from now on."""
        self._is_wanted = lambda command: False

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            self._start(partial(self._forward, client))

    def _forward(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(ConnectionError):
            # Refused while the broker is away: the client sees its own connection closed.
            server.connect(self._upstream)
            is_cut = False
            while not self._stopped.is_set():
                for source in select.select([client, server], [], [], 0.1)[0]:
                    data = _receive(source)
                    if not data:
                        return
                    if source is client:
                        with self._lock:
                            is_cut = is_cut or self._is_wanted(data)
                        server.sendall(data)
                    elif is_cut:
                        self.cuts += 1
                        return
                    else:
                        client.sendall(data)


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(CHUNK_BYTES)
    except ConnectionResetError:
        return b""
