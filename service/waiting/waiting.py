"""Waiting for a job: until it ends, or until it differs from what the client has.

Knows no Flask.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from service.contract.errors import BrokerUnavailable, MissingResource, WrongState
from service.store import JobStore, JobView, StoredEvent
from service.waiting.streams import Waiter

log = structlog.get_logger()

TICK_SECONDS = 1.0
"""How often a waiting thread looks whether its client is still there."""


@dataclass(frozen=True)
class Watched:
    """A job that a client waits for.

    Attributes:
        store: the records.
        job_id: the job.
        tenant: whose it must be.
        is_gone: tells whether the client has left.
    """

    store: JobStore
    job_id: str
    tenant: str
    is_gone: Callable[[], bool]

    def load(self) -> JobView:
        """Read the job.

        Raises:
            NotFound, JobExpired, BrokerUnavailable: as the store's `load`.
        """
        return self.store.jobs.load(self.job_id, self.tenant)

    def cancel_if_asked(self, view: JobView) -> None:
        """Cancel the job if its client wanted that in case it leaves."""
        if not view.record.spec.params.cancel_on_disconnect:
            return
        try:
            self.store.jobs.cancel(self.job_id, self.tenant)
            log.info("canceled_on_disconnect", job_id=self.job_id)
        except (WrongState, MissingResource):
            return  # it has ended
        except BrokerUnavailable:
            log.warning("cancel_on_disconnect_failed", job_id=self.job_id)


def is_ended(view: JobView) -> bool:
    """Tell whether nothing can change the job any more."""
    return view.record.status.is_terminal


def wait_for(
    waiter: Waiter,
    job: Watched,
    seconds: float,
    *,
    is_due: Callable[[JobView], bool] = is_ended,
    is_news: Callable[[StoredEvent], bool] = lambda event: event.is_end,
) -> JobView:
    """Wait, and give the job as it is then: the client left, the time is over, or it is due.

    Args:
        waiter: the client's seat.
        job: the job.
        seconds: how long at most.
        is_due: tells of the job as it is now that there is nothing to wait for.
        is_news: tells of an event that there is nothing more to wait for.

    Raises:
        NotFound, JobExpired, BrokerUnavailable: as the store's `load`.
    """
    waiter.join(job.job_id)
    # Read after joining: whatever happens later than this is told.
    view = job.load()
    if is_due(view):
        return view
    _sleep(waiter, job, time.monotonic() + seconds, is_news)
    view = job.load()
    if not is_ended(view) and job.is_gone():
        job.cancel_if_asked(view)
    return view


def _sleep(
    waiter: Waiter, job: Watched, until: float, is_news: Callable[[StoredEvent], bool]
) -> None:
    while (left := until - time.monotonic()) > 0 and not job.is_gone():
        event = waiter.take(min(left, TICK_SECONDS))
        if event is not None and is_news(event):
            return
        if event is None and waiter.is_cut:
            return
