"""gunicorn's threaded worker, but for how it parts from clients."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]


class HttpWorker(ThreadWorker):  # type: ignore[misc]
    """Closes connections in the threads that serve requests.

    gunicorn waits up to two seconds for the client to close its side too, and does so in the one
    thread that accepts: forty clients that leave theirs open would keep everybody out for a minute
    and more, and a process that does not beat meanwhile is killed.
    """

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        """Take back a connection whose request was answered, in the thread that accepts.

        Source: the method of the same name in gunicorn 27.
        """
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
            return
        self.nr_conns -= 1
        try:
            self.tpool.submit(conn.close, graceful=True)
        except RuntimeError:
            # The process has stopped taking work.
            conn.close()
