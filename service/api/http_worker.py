"""gunicorn's threaded worker, except for how it closes connections."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]


class HttpWorker(ThreadWorker):  # type: ignore[misc]
    """A worker that closes connections in the threads that serve requests.

    gunicorn waits up to two seconds for the client to close its side too, in the one thread that
    accepts: forty clients that keep theirs open would block all others for more than a minute, and
    a process without a heartbeat meanwhile is killed.
    """

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Finish with a connection whose request was answered, in the thread that accepts.

        Source: the method of the same name in gunicorn 27.
        """
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
            return
        self.nr_conns -= 1
        try:
            self.tpool.submit(conn.close, graceful=True)
        except RuntimeError:
            # The pool is shut down.
            conn.close()
