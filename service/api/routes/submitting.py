"""Shared by the routes that accept jobs: the sender, and where named pictures are."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g

from service.api.access.auth import get_caller
from service.api.context import get_context
from service.api.requests.references import MASK_SOURCE, OpenSource, Sources
from service.api.routes.queries import read_flag
from service.contract.errors import Fault
from service.submission.request import Sender

DRY_RUN = "dry_run"


def get_sender() -> Sender:
    """Return the sender of the request that is being answered."""
    caller = get_caller()
    return Sender(caller.tenant, caller.key_id, caller.limits, g.request_id)


def build_sources(read_url: OpenSource, further: Mapping[str, OpenSource] | None = None) -> Sources:
    """Build the table of where pictures are that a request only names.

    Args:
        read_url: fetches a picture by its URL; left out where the operator allows no host.
        further: sources that this request alone has.
    """
    context, tenant = get_context(), get_caller().tenant
    sources = {
        **(further or {}),
        "upload": lambda name: context.uploads.find_picture(name, tenant),
        MASK_SOURCE: lambda name: context.job_masks.open(name, tenant),
    }
    return {**sources, "url": read_url} if context.picture_urls.is_open else sources


def read_dry_run() -> tuple[bool, list[Fault]]:
    """Return whether a plan is requested, and the faults of the query.

    A query with faults counts as a plan, so that no picture is stored.
    """
    is_dry, faults = read_flag(DRY_RUN, "; send all others in the body")
    return is_dry or bool(faults), faults
