"""One request for a job, parsed: what every route that accepts work hands to the submitter."""

from __future__ import annotations

from dataclasses import dataclass, field

from service.contract.errors import Fault
from service.contract.jobs import BatchPlace
from service.contract.keys import KEYLESS, KeyLimits
from service.contract.params import AnyParams, Operation
from service.submission.intake import Intake


@dataclass(frozen=True)
class Sender:
    """The caller of a request.

    Attributes:
        tenant: owner of the jobs.
        key_id: API key that the request came with.
        key_limits: limits of that key.
        request_id: id of the HTTP request, for logs and problem documents.
    """

    tenant: str
    key_id: str = KEYLESS
    key_limits: KeyLimits = field(default_factory=KeyLimits)
    request_id: str = ""


@dataclass(frozen=True)
class ParsedBody:
    """The parameters of one job, as sent.

    Attributes:
        operation: `inpaint`, `outpaint` or `mask`.
        params: before defaults; `None` if they break a rule, which `faults` then names.
        faults: everything that is wrong with the body so far.
    """

    operation: Operation
    params: AnyParams | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class JobRequest:
    """One request for a job.

    Attributes:
        params: before defaults; `None` if they break a rule, which `faults` then names.
        intake: the pictures that came with it.
        faults: everything that is known to be wrong before the pictures are inspected.
        batch: which item of which batch it is, if it is one.
    """

    operation: Operation
    params: AnyParams | None
    intake: Intake
    sender: Sender
    idempotency_key: str | None = None
    faults: tuple[Fault, ...] = ()
    batch: BatchPlace | None = None


def build_request(
    body: ParsedBody,
    intake: Intake,
    sender: Sender,
    idempotency_key: str | None = None,
    batch: BatchPlace | None = None,
) -> JobRequest:
    """Build the request for a job from its parsed body.

    Args:
        body: parameters and faults.
        intake: the pictures that came with it.
        sender: the caller.
        idempotency_key: as sent; not checked here.
        batch: which item of which batch it is, if it is one.
    """
    return JobRequest(
        body.operation, body.params, intake, sender, idempotency_key, body.faults, batch
    )
