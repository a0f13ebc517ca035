"""Who calls: the tenant that a request belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from service.contract.names import DEFAULT_TENANT


@dataclass(frozen=True)
class Caller:
    """Who sent a request.

    Attributes:
        tenant: owner of all that the request makes, and of all that it may see.
    """

    tenant: str


def get_caller() -> Caller:
    """Give the caller of the request that is being answered."""
    return Caller(DEFAULT_TENANT)
