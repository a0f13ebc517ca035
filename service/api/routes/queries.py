"""Checks of a request's URL: the form of ids, and query parameters that no view reads."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request

from service.api.access.auth import TAKES_TOKENS, find_caller
from service.contract.errors import Fault, NotFound, UnknownField
from service.contract.names import is_batch_id, is_job_id

READERS = frozenset(
    {
        *TAKES_TOKENS,
        "paint.create_inpaint",
        "paint.create_outpaint",
        "listing.list_jobs",
        "batches.create_batch",
        "batches.list_batches",
        "batches.list_items",
        "usage.get_usage",
        "deliveries.redeliver",
        "deliveries.redeliver_batch",
    }
)
"""Views that have query parameters, and check them themselves."""


def install(app: Flask) -> None:
    """Check the URLs of an app's requests, once the caller is known."""
    app.before_request(_check_url)


def _check_url() -> None:
    _refuse_unread()
    _check_ids(request.view_args or {})


def _check_ids(given: Mapping[str, str]) -> None:
    """Answer 404 for an id that none can have, before anything is looked up."""
    if "job_id" in given and not is_job_id(given["job_id"]):
        raise NotFound("there is no such job")
    if "batch_id" in given and not is_batch_id(given["batch_id"]):
        raise NotFound("there is no such batch")


def _refuse_unread() -> None:
    # What is not read could change what the call does.
    if request.args and find_caller() is not None and request.endpoint not in READERS:
        message = "this call has no query parameters"
        raise UnknownField(message, faults=(Fault("", UnknownField.code, message),))
