"""URLs' queries: a call that takes none refuses one, rather than go on as if it were not there."""

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
"""Views that take a query, and judge it themselves."""


def install(app: Flask) -> None:
    """Have an app refuse queries that nobody reads, once it knows the caller."""
    app.before_request(_refuse_unread)


def _refuse_unread() -> None:
    # Whoever asks for `/batches?dry_run=true` would else be painted for.
    if request.args and find_caller() is not None and request.endpoint not in READERS:
        message = "this call takes no query in the URL"
        raise UnknownField(message, faults=(Fault("", UnknownField.code, message),))
