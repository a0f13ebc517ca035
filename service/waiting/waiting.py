"""Waiting for a job: until it ends, or until it differs from the client's version.

Knows no Flask.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from service.contract.errors import BrokerUnavailable, MissingResource, Unauthorized, WrongState
from service.store import JobStore, JobView, StoredEvent
from service.waiting.streams import Waiter

log = structlog.get_logger()

TICK_SECONDS = 1.0
"""Seconds between two checks whether a waiting client is still connected."""


@dataclass(frozen=True)
class Watched:
    """A job that a client waits for.

    Attributes:
        store: the records.
        job_id: the job.
        tenant: its owner.
        is_gone: returns whether the client has disconnected.
        is_allowed: returns whether the client may still follow the job.
        may_cancel: whether the client may cancel the job.
    """

    store: JobStore
    job_id: str
    tenant: str
    is_gone: Callable[[], bool]
    is_allowed: Callable[[], bool] = lambda: True
    may_cancel: bool = True

    def load(self) -> JobView:
        """Read the job.

        Raises:
            NotFound, JobExpired, BrokerUnavailable: as the store's `load`.
        """
        return self.store.jobs.load(self.job_id, self.tenant)

    def cancel_if_asked(self, view: JobView) -> None:
        """Cancel the job of a client that has left, if it was to be and the client may."""
        if not (self.may_cancel and view.record.spec.params.cancel_on_disconnect):
            return
        try:
            self.store.jobs.cancel(self.job_id, self.tenant)
            log.info("canceled_on_disconnect", job_id=self.job_id)
        except (WrongState, MissingResource):
            return  # it has ended
        except BrokerUnavailable:
            log.warning("cancel_on_disconnect_failed", job_id=self.job_id)


def is_ended(view: JobView) -> bool:
    """Return whether the job has reached a final state."""
    return view.record.status.is_terminal


def wait_for(
    waiter: Waiter,
    job: Watched,
    seconds: float,
    *,
    is_due: Callable[[JobView], bool] = is_ended,
    is_news: Callable[[StoredEvent], bool] = lambda event: event.is_end,
) -> JobView:
    """Wait, and return the job when the client leaves, the time is over, or the job is due.

    Args:
        waiter: the client's slot.
        job: the job.
        seconds: how long at most.
        is_due: returns whether the present job ends the wait.
        is_news: returns whether an event ends the wait.

    Raises:
        Unauthorized: the client's key was revoked meanwhile.
        NotFound, JobExpired, BrokerUnavailable: as the store's `load`.
    """
    waiter.join(job.job_id)
    # Read after joining: every later change causes an event.
    view = job.load()
    if is_due(view):
        return view
    _sleep(waiter, job, time.monotonic() + seconds, is_news)
    if not job.is_allowed():
        raise Unauthorized("the API key was revoked while this request waited")
    view = job.load()
    if not is_ended(view) and job.is_gone():
        job.cancel_if_asked(view)
    return view


def _sleep(
    waiter: Waiter, job: Watched, until: float, is_news: Callable[[StoredEvent], bool]
) -> None:
    while (left := until - time.monotonic()) > 0 and job.is_allowed() and not job.is_gone():
        event = waiter.take(min(left, TICK_SECONDS))
        if event is not None and is_news(event):
            return
        if event is None and waiter.is_cut:
            return
