"""The items of a batch: JSON objects, each into the parameters and pictures of one job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from service.api.requests.batch_body import BatchRequest
from service.api.requests.json_body import take_pictures
from service.api.requests.reader import PICTURES, judge_fields
from service.api.requests.references import Sources
from service.batches.batching import ParsedItem
from service.contract.errors import Fault
from service.contract.faults import raise_faults
from service.contract.params import Operation
from service.submission.intake import Intake
from service.submission.request import ParsedBody

_OPERATIONS: Mapping[Any, Operation] = {
    "inpaint": "inpaint",
    "outpaint": "outpaint",
    "mask": "mask",
}


def iter_items(batch: BatchRequest, sources: Sources) -> Iterator[ParsedItem]:
    """Yield the items of a batch in order, with its defaults filled in.

    Args:
        batch: as sent.
        sources: where the pictures are that items name.
    """
    for item in batch.items:
        yield partial(_read_item, _complete(item, batch), sources)


def _complete(item: Mapping[str, Any], batch: BatchRequest) -> dict[str, Any]:
    fields = {**batch.defaults, **item}
    # A result that can be fetched once has a shorter life of its own.
    if fields.get("no_store") is not True:
        fields.setdefault("ttl_seconds", batch.ttl_seconds)
    return fields


def _read_item(fields: dict[str, Any], sources: Sources, intake: Intake) -> ParsedBody:
    named = fields.pop("operation", None)
    operation = _OPERATIONS.get(named) if isinstance(named, str) else None
    if operation is None:
        message = "is required: inpaint, outpaint or mask"
        raise_faults([Fault("/operation", "invalid_field", message, tuple(_OPERATIONS))])
        raise ValueError("a list of faults was raised")
    read = take_pictures(fields, intake, PICTURES[operation], sources)
    return judge_fields(read, operation, intake)
