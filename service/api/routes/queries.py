"""Checks of a request's URL: the form of ids, and query parameters that no view reads."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, request

from service.api.access.auth import TAKES_TOKENS, find_caller
from service.contract.errors import Fault, InvalidField, NotFound, UnknownField
from service.contract.names import is_batch_id, is_job_id

READERS = frozenset(
    {
        *TAKES_TOKENS,
        "paint.create_inpaint",
        "paint.create_outpaint",
        "paint.create_mask",
        "jobs.get_result",
        "jobs.get_output",
        "jobs.get_resized",
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


_WORDS = {"true": True, "false": False}


def install(app: Flask) -> None:
    """Check the URLs of an app's requests, once the caller is known."""
    app.before_request(_check_url)


def read_flag(name: str, advice: str = "") -> tuple[bool, list[Fault]]:
    """Return a query parameter that is true or false, and the faults of the query.

    Any other parameter is refused, with the advice: it would be ignored.
    """
    faults = []
    if set(request.args) - {name}:
        message = f"the only query parameter here is {name}{advice}"
        faults.append(Fault("", UnknownField.code, message))
    values = request.args.getlist(name)
    if len(values) > 1 or any(value not in _WORDS for value in values):
        message = f"{name} must be true or false, given once"
        faults.append(Fault("", InvalidField.code, message, tuple(_WORDS)))
    return not faults and _WORDS[values[0] if values else "false"], faults


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
