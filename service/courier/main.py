"""Entry of the courier: once a second reap, wake workers and wipe; meanwhile send webhooks."""

from __future__ import annotations

import os
import signal
import threading

import structlog

from service.contract.errors import BrokerUnavailable, PaintjobError
from service.contract.private_files import keep_files_private
from service.contract.setting_errors import report
from service.contract.settings import describe_port_fault
from service.contract.version import get_version
from service.courier.config import CourierSettings
from service.courier.dispatching import Dispatcher
from service.courier.gauges import BrokerGauges
from service.courier.wiping import wipe_due
from service.store import BrokerCheck, JobStore, connect
from service.store.blobs import BlobStore
from service.store.wakeups import Wakeups
from service.telemetry import exports
from service.telemetry.exposition import serve_process
from service.telemetry.families import COURIER, show_version
from service.telemetry.logs import configure_logging
from service.telemetry.pulse import Pulse

log = structlog.get_logger()


class _Stop(threading.Event):
    """Set when the courier is to stop.

    Attributes:
        reason: name of the signal that asked for it.
    """

    reason = ""

    def set_by(self, number: int) -> None:
        """Note a signal."""
        self.reason = signal.Signals(number).name
        self.set()


def main() -> int:
    """Run the courier until it is asked to stop, and return the exit code."""
    keep_files_private()
    try:
        settings = CourierSettings.from_env(os.environ)
        url, lease = settings.resolved_redis_url(), settings.lease_seconds
        store = connect(url, namespace=settings.namespace, lease_seconds=lease)
        blobs = BlobStore.open(settings.resolved_blob_url())
        exports.check(settings)
    except (ValueError, OSError) as error:
        return report("courier", error)
    configure_logging(settings.log_level, "courier")
    exports.start("courier", settings, get_version())
    try:
        serve_metrics(settings, store)
    except OSError as error:
        return report("courier", describe_port_fault(settings, error))
    stop = _Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda got, _: stop.set_by(got))
    # A thread of its own: a receiver may take its time, a lease may not.
    dispatcher = threading.Thread(target=Dispatcher(store, settings).run, args=(stop,))
    dispatcher.start()
    log.info("courier_ready")
    wakeups, pulse = Wakeups(store.redis, store.namespace), Pulse(settings.health_file)
    run(store, wakeups, blobs, stop, settings.courier_interval_seconds, pulse)
    log.info("courier_stopping", signal=stop.reason)
    dispatcher.join()
    log.info("courier_stopped")
    exports.stop()
    return 0


def serve_metrics(settings: CourierSettings, store: JobStore) -> None:
    """Serve the metrics of this courier, if it has a port for them.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    readings = (BrokerGauges(store).read, show_version(get_version()))
    serve_process(settings.metrics_host, settings.metrics_port, COURIER, readings)


def run(
    store: JobStore,
    wakeups: Wakeups,
    blobs: BlobStore,
    stop: threading.Event,
    interval: float,
    pulse: Pulse,
) -> None:
    """Do a round every `interval` seconds until `stop` is set; repeat in the next what failed."""
    is_silent, check = False, BrokerCheck(store.scripts.link)
    while not stop.is_set():
        pulse.beat()
        try:
            check.run()
            round_once(store, wakeups, blobs)
            is_silent = False
        except BrokerUnavailable:
            # The store has logged why.
            pass
        except PaintjobError as error:
            if not is_silent:
                log.warning("round_failed", code=error.code)
            is_silent = True
        stop.wait(interval)


def round_once(store: JobStore, wakeups: Wakeups, blobs: BlobStore) -> None:
    """Reap, send missing wake-ups, wipe what is due."""
    wakeups.notify_missing(store.reaper.reap())
    wipe_due(store, blobs)
