"""Query parameters: calls that have none refuse them instead of ignoring them."""

from __future__ import annotations

from flask import Flask, request

from service.api.access.auth import find_caller
from service.contract.errors import Fault, UnknownField

READERS = frozenset(
    {
        "paint.create_inpaint",
        "paint.create_outpaint",
        "listing.list_jobs",
        "batches.list_items",
        "deliveries.redeliver",
        "deliveries.redeliver_batch",
    }
)
"""Views that have query parameters, and check them themselves."""


def install(app: Flask) -> None:
    """Refuse query parameters that no view reads, once the caller is known."""
    app.before_request(_refuse_unread)


def _refuse_unread() -> None:
    # `/batches?dry_run=true` would otherwise be painted.
    if request.args and find_caller() is not None and request.endpoint not in READERS:
        message = "this call has no query parameters"
        raise UnknownField(message, faults=(Fault("", UnknownField.code, message),))
