"""Brokers as others run them: with a password, behind TLS, with Sentinels, as a cluster."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import redis

from service.local.broker import find_server_binary
from tests.support.patience import wait_for


def find_free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Servers:
    """Server processes, which end with the block that holds them."""

    directory: Path
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, *options: str, port: int = 0, sentinel: str = "") -> int:
        """Start a server; return its port once it answers anything at all.

        Args:
            options: as on the command line.
            port: where; 0 takes a free one.
            sentinel: configuration of a Sentinel; empty for a server.
        """
        port = port or find_free_port()
        folder = self.directory / str(port)
        folder.mkdir(exist_ok=True)
        file = folder / "server.conf"
        if sentinel or not file.exists():
            file.write_text(sentinel)
        argv = [str(find_server_binary()), str(file), "--port", str(port)]
        argv += ["--bind", "127.0.0.1", "--dir", str(folder)]
        argv += ["--sentinel"] if sentinel else ["--save", "", *options]
        with (folder / "server.log").open("ab") as log:
            self.processes[port] = subprocess.Popen(argv, stdout=log, stderr=log)
        wait_for(lambda: _accepts(port))
        return port

    def kill(self, port: int) -> None:
        """Kill the server at a port."""
        process = self.processes.pop(port)
        process.kill()
        process.wait()

    def connect(self, port: int, **options: str) -> redis.Redis:
        """Return a client of the server at a port."""
        return redis.Redis(port=port, decode_responses=True, **options)  # type: ignore[arg-type]


@contextlib.contextmanager
def running_servers() -> Iterator[Servers]:
    """Yield a place for servers."""
    servers = Servers(Path(tempfile.mkdtemp(prefix="pj-servers-")))
    try:
        yield servers
    finally:
        for port in list(servers.processes):
            servers.kill(port)
        shutil.rmtree(servers.directory, ignore_errors=True)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Forwarder:
    """Passes connections on to a server, through TLS if there is a certificate.

    Args:
        target: port of the server.
        certificate: PEM file of certificate and key; None speaks no TLS.

    Attributes:
        port: where it listens on the loopback interface.
        target: as given; a test may change it, and new connections go there.
    """

    def __init__(self, target: int, certificate: Path | None = None) -> None:
        self.target = target
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[_Pair] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self) -> int:
        """Let the bytes of all connections that are open vanish; return how many there are."""
        for pair in self._open:
            pair.is_dead = True
        return len(self._open)

    def close(self) -> None:
        """Accept nothing more, and close what is open."""
        self._listener.close()
        for pair in self._open:
            pair.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            if self._context is not None:
                client = self._context.wrap_socket(client, server_side=True)
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        pair = _Pair(client, server)
        self._open.append(pair)
        threading.Thread(target=pair.copy, args=(server, client), daemon=True).start()
        pair.copy(client, server)


class _Pair:
    """Two sockets, and whether what comes from one still reaches the other."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._sockets = (client, server)
        self.is_dead = False

    def copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self.is_dead:
                    target.sendall(data)
        if not self.is_dead:
            self.close()

    def close(self) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


@contextlib.contextmanager
def forwarding(target: int, certificate: Path | None = None) -> Iterator[Forwarder]:
    """Yield a forwarder to a port."""
    forwarder = Forwarder(target, certificate)
    try:
        yield forwarder
    finally:
        forwarder.close()


def start_cluster(servers: Servers, key: str) -> tuple[int, int]:
    """Start a cluster of two; return the port of the server without a key's slot, and its owner's.

    Args:
        servers: holds them.
        key: a key, whose slot only the second one serves.
    """
    options = ("--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port")
    # By default ten thousand above the server's own port, which may be none.
    other, owner = (servers.start(*options, str(find_free_port())) for _ in range(2))
    first: Any = servers.connect(other)
    second: Any = servers.connect(owner)
    slot = int(second.execute_command("CLUSTER", "KEYSLOT", key))
    second.execute_command("CLUSTER", "ADDSLOTS", slot)
    left = [number for number in range(16384) if number != slot]
    first.execute_command("CLUSTER", "ADDSLOTS", *left)
    bus = second.config_get("cluster-port")["cluster-port"]
    first.execute_command("CLUSTER", "MEET", "127.0.0.1", owner, bus)
    for client in (first, second):
        wait_for(partial(_is_whole, client))
        client.close()
    return other, owner


def _is_whole(client: Any) -> bool:
    return "cluster_state:ok" in client.execute_command("CLUSTER", "INFO")
