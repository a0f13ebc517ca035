"""The links of responses: the calls that they lead to, and the values to use there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ID = "$response.body#/id"
_PATH_ID = "$request.path.job_id"
_PATH_BATCH = "$request.path.batch_id"
_FIRST = {"index": "0"}

_DELIVERY = "$response.body#/deliveries/0/id"
_JOB_CALLS = ("getJob", "getResult", "getOutput", "getMask", "cancelJob", "deleteJob")
_READ_CALLS = (*_JOB_CALLS[1:], "getPreview", "listDeliveries")

_BATCH_CALLS = (
    "getBatch",
    "listBatchItems",
    "cancelBatch",
    "deleteBatch",
    "getBatchResults",
    "listBatchDeliveries",
)

LINKS: Mapping[tuple[str, int], Mapping[str, Mapping[str, str]]] = {
    ("createInpaint", 202): {name: {"job_id": _ID} for name in _JOB_CALLS},
    ("createOutpaint", 202): {name: {"job_id": _ID} for name in _JOB_CALLS},
    ("createMask", 202): {name: {"job_id": _ID} for name in _JOB_CALLS},
    ("listJobs", 200): {"getJob": {"job_id": "$response.body#/jobs/0/id"}},
    ("getJob", 200): {name: {"job_id": _ID} for name in _READ_CALLS},
    ("cancelJob", 200): {name: {"job_id": _ID} for name in ("getJob", "deleteJob")},
    ("cancelJob", 202): {name: {"job_id": _ID} for name in ("getJob", "deleteJob")},
    ("listDeliveries", 200): {"redeliver": {"job_id": _PATH_ID, "webhook_id": _DELIVERY}},
    ("redeliver", 202): {"listDeliveries": {"job_id": _PATH_ID}},
    ("deleteJob", 204): {"getJob": {"job_id": _PATH_ID}},
    ("createBatch", 202): {name: {"batch_id": _ID} for name in _BATCH_CALLS},
    ("getBatch", 200): {name: {"batch_id": _ID} for name in _BATCH_CALLS[1:]},
    ("listBatchDeliveries", 200): {
        "redeliverBatch": {"batch_id": _PATH_BATCH, "webhook_id": _DELIVERY}
    },
    ("redeliverBatch", 202): {"listBatchDeliveries": {"batch_id": _PATH_BATCH}},
    ("createUpload", 201): {name: {"upload_id": _ID} for name in ("getUpload", "deleteUpload")},
    ("listErrors", 200): {"getError": {"code": "$response.body#/errors/0/code"}},
}
"""By operation and status: the calls that a response leads to, and their parameters."""


def build_links(operation_id: str, status: int) -> dict[str, Any]:
    """Build the links of a response; empty if it has none."""
    return {
        target: {
            "operationId": target,
            "parameters": {**parameters, **(_FIRST if target == "getOutput" else {})},
        }
        for target, parameters in LINKS.get((operation_id, status), {}).items()
    }
