"""Takes webhooks from the outbox and delivers them, many at once, with a share for each tenant."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import structlog

from service.contract.errors import BrokerUnavailable, PaintjobError
from service.contract.names import new_token
from service.courier.config import CourierSettings
from service.courier.delivering import Tried, deliver, next_delay
from service.store import JobStore, Shares, TakenWebhook, try_twice
from service.telemetry import families
from service.telemetry.logs import hash_tenant

LEASE_MARGIN_SECONDS = 5.0
"""A lease outlives the try by so much: its result must still be written."""

IDLE_SECONDS = 0.25
OUTAGE_SECONDS = 1.0

log = structlog.get_logger()


class Dispatcher:
    """The courier's side of the outbox.

    A tenant has at most a quarter of the threads, and one host of it an eighth; a host that let the
    last try time out has one, until it answers. So a host that hangs delays only itself.
    """

    def __init__(self, store: JobStore, settings: CourierSettings) -> None:
        self._store = store
        self._settings = settings
        self._threads = settings.webhook_threads
        self._lock = threading.Lock()
        self._freed = threading.Event()
        self._groups: Counter[str] = Counter()
        self._tenants: Counter[str] = Counter()
        self._slow: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Deliver what is due until `stop` is set; finish deliveries that have begun."""
        is_silent = False
        with ThreadPoolExecutor(self._threads, thread_name_prefix="webhook") as pool:
            while not stop.is_set():
                try:
                    self._round(pool)
                    is_silent = False
                except BrokerUnavailable:
                    # The store has logged why.
                    stop.wait(OUTAGE_SECONDS)
                except Exception as error:
                    # Any failure: a courier that delivers nothing must not look alive.
                    if not is_silent:
                        log.warning("dispatch_failed", error_type=type(error).__name__)
                    is_silent = True
                    stop.wait(OUTAGE_SECONDS)

    def _round(self, pool: ThreadPoolExecutor) -> None:
        self._freed.clear()
        started = time.monotonic()
        taken = self._take()
        for webhook in taken:
            # Counted from before the lease began, so that the lease never ends first.
            pool.submit(self._deliver, webhook, started + self._settings.webhook_timeout_seconds)
        if not taken:
            self._freed.wait(IDLE_SECONDS)

    def _take(self) -> list[TakenWebhook]:
        """Take as many as there are threads free."""
        shares, take_id = self._share(), new_token()
        if shares.limit == 0:
            return []
        lease = self._settings.webhook_timeout_seconds + LEASE_MARGIN_SECONDS
        taken = try_twice(lambda: self._store.webhooks.take(take_id, shares, lease_seconds=lease))
        with self._lock:
            self._groups.update(webhook.group for webhook in taken)
            self._tenants.update(webhook.tenant for webhook in taken)
        return taken

    def _share(self) -> Shares:
        with self._lock:
            return Shares(
                limit=self._threads - self._groups.total(),
                per_group=max(1, self._threads // 8),
                per_tenant=max(1, self._threads // 4),
                groups=dict(+self._groups),
                tenants=dict(+self._tenants),
                slow=frozenset(self._slow),
            )

    def _deliver(self, webhook: TakenWebhook, deadline: float) -> None:
        try:
            tried = deliver(webhook, self._settings, deadline)
            self._end(webhook, tried)
            self._judge(webhook.group, tried)
        except PaintjobError as error:
            # Its lease runs out, and it is delivered again, under the same id.
            log.warning("webhook_unrecorded", subject_id=webhook.subject_id, code=error.code)
        finally:
            with self._lock:
                self._groups[webhook.group] -= 1
                self._tenants[webhook.tenant] -= 1
            self._freed.set()

    def _end(self, webhook: TakenWebhook, tried: Tried) -> None:
        settings, posted = self._settings, tried.posted
        delay = next_delay(webhook.failures, settings.webhook_retry_seconds)
        verdict = try_twice(
            lambda: self._store.webhooks.end(
                webhook,
                seconds=tried.seconds,
                status=posted.status,
                error=posted.error,
                gives_up=posted.is_final,
                delay_seconds=delay,
                window_seconds=settings.webhook_window_seconds,
            )
        )
        families.WEBHOOKS.note(1, verdict, posted.error or "none")
        families.WEBHOOK_SECONDS.note(tried.seconds)
        log_as = log.warning if verdict == "dead" else log.info
        log_as(
            "webhook_tried",
            subject_id=webhook.subject_id,
            tenant=hash_tenant(webhook.tenant),
            webhook_id=webhook.event_id,
            state=verdict,
            status=posted.status,
            error=posted.error,
            seconds=round(tried.seconds, 3),
        )

    def _judge(self, group: str, tried: Tried) -> None:
        with self._lock:
            if tried.posted.error == "timeout":
                self._slow.add(group)
            else:
                self._slow.discard(group)
