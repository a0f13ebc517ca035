"""Sends log lines of errors to Sentry, or to what speaks its protocol; the extra `sentry` does it.

Sent is what the log has: no local variables, no requests, no texts of exceptions, which may hold a
caller's data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.telemetry import logs


def check(dsn: str) -> None:
    """Check that the library is there if it is needed, and that it takes the address.

    Raises:
        ValueError: it is not, or does not.
    """
    if not dsn:
        return
    try:
        from sentry_sdk.utils import BadDsn, Dsn
    except ImportError:
        raise ValueError(
            "PAINTJOB_SENTRY_DSN needs Sentry's library: pip install 'paintjob[sentry]'"
        ) from None
    try:
        Dsn(dsn)
    except BadDsn as error:
        raise ValueError(f"PAINTJOB_SENTRY_DSN: {error}") from None


def start(process: str, dsn: str, version: str) -> None:
    """Send errors of this process, if there is an address to send them to.

    Args:
        process: `api`, `courier`, `worker` or `horse`.
        dsn: Sentry's address with a key; empty for none.
        version: of the program.

    Raises:
        ValueError: as `check`.
    """
    check(dsn)
    if not dsn:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn,
        release=f"paintjob@{version}",
        # Nothing is watched: only what is logged as an error is sent.
        default_integrations=False,
        auto_enabling_integrations=False,
        send_default_pii=False,
        include_local_variables=False,
        max_breadcrumbs=0,
    )
    sentry_sdk.set_tag("process", process)
    logs.forward_errors(_send)


def stop() -> None:
    """Send what is left; call it before the process ends."""
    if logs.are_errors_forwarded():
        import sentry_sdk

        sentry_sdk.flush(timeout=2.0)


def _send(line: Mapping[str, Any]) -> None:
    import sentry_sdk

    event = str(line.get("event"))
    sentry_sdk.capture_event(
        {
            "message": event,
            "level": "error",
            "fingerprint": [event, str(line.get("error_type", ""))],
            "extra": {name: value for name, value in line.items() if name != "event"},
        }
    )
