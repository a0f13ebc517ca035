"""Example jobs for the OpenAPI document.

They are records in the form of Redis, passed through the code that builds responses; so they have
every field of a response.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from service.api.openapi.data import load_documents
from service.contract.jobs import JobRecord, JobSpec
from service.contract.params import Operation
from service.documents.jobs import describe_job, describe_plan
from service.store import JobView

JOB_IDS: Mapping[Operation, str] = {
    "inpaint": "job_01KAQ3C8T6XW3V1Z0F9B2M4N5P",
    "outpaint": "job_01KAQ3F0M2S7RQ4T8YV6C1D9EK",
    "mask": "job_01KAQ3G5P8Z2W4X7M1N6B3C9DQ",
}
CREATED_AT = 1_763_800_000_000
"""Milliseconds since 1970, as the records have it."""

_IMAGE_SHA256 = "60b4f7037700a2837bb055d696680327ec3169b6789f5eb96cbcd8151f33fd7e"
_WORKER = "paint-1-7-paint-cpu-1-0"
_MASK = {"coverage": 0.0625, "box": [24, 24, 40, 40]}
_FOUND = {
    "region": 0,
    "finder": "grabcut",
    "label": "subject",
    "score": 0.97,
    "box": _MASK["box"],
    "rle": {"size": [64, 64], "counts": [1560, *[16, 48] * 15, 16, 1560]},
}


def build_job_example(operation: Operation, status: str) -> dict[str, Any]:
    """Build the document of a job with a status; `stopping` is `running` after a cancel."""
    fields = _build_record(operation, status)
    record = JobRecord.from_hash({name: _as_text(value) for name, value in fields.items()})
    view = JobView(record, 3 if status == "queued" else None)
    return describe_job(view, "").model_dump(mode="json")


def build_plan_example(operation: Operation) -> dict[str, Any]:
    """Build the plan of a request."""
    spec = JobSpec.model_validate(_build_spec(operation))
    canvas = (spec.geometry.width, spec.geometry.height) if spec.geometry else (64, 64)
    return describe_plan(spec, canvas).model_dump(mode="json")


def _build_spec(operation: Operation) -> dict[str, Any]:
    picture = {"path": "-", "bytes": 100, "sha256": _IMAGE_SHA256, "format": "png"}
    return {
        "job_id": JOB_IDS[operation],
        "tenant": "default",
        "operation": operation,
        "queue": "paint-cpu",
        "cost": 0.1,
        "image": {**picture, "width": 64, "height": 64, "mode": "L"},
        **load_documents()["jobs"][operation],
    }


def _build_record(operation: Operation, status: str) -> dict[str, Any]:
    """Build the fields of the record's hash."""
    record: dict[str, Any] = {
        "spec": _build_spec(operation),
        "status": "running" if status == "stopping" else status,
        "version": 1,
        "created_at": CREATED_AT,
        "finish_by_at": CREATED_AT + 3_600_000,
    }
    if status == "canceled":
        record |= {"version": 2, **_end(CREATED_AT + 900)}
    elif status != "queued":
        record |= _build_started(operation)
    if status == "stopping":
        record |= {"version": 4, "cancel_requested_at": CREATED_AT + 350}
    elif status == "succeeded":
        record |= _build_success(operation)
    elif status == "failed":
        record |= _build_failure()
    return record


def _build_started(operation: Operation) -> dict[str, Any]:
    started = {
        "version": 3,
        "started_at": CREATED_AT + 16,
        "painting_at": CREATED_AT + 30,
        "attempt": 1,
        "attempts": [{"worker": _WORKER, "started_at": CREATED_AT + 16}],
        "progress": {"stage": "paint", "step": 400, "steps": 1000, "fraction": 0.41},
    }
    if operation != "outpaint":
        started |= {"mask_effective": {**_MASK, "components": 1}, "mask_path": "-"}
    if operation == "mask":
        started |= {
            "mask_asked": {**_MASK, "source": "regions"},
            "mask_effective": {**_MASK, "components": 1, "found": [_FOUND]},
        }
    return started


def _build_success(operation: Operation) -> dict[str, Any]:
    is_inpaint = operation != "outpaint"
    digest = "f3070cd79c5a6bde050ed61eb44c9d0eee935d51942f8f118f850d85593cdd3a"
    proof = {
        "kept_pixels": 3840 if is_inpaint else 4096,
        "kept_pixels_changed": 0,
        "max_difference": 0,
        "touched_box": [24, 24, 40, 40] if is_inpaint else [64, 0, 96, 64],
        "image_sha256": _IMAGE_SHA256,
        "mask_sha256": "75342f1cd6fbf48c7d0f5809e45486a697c4b6c03b68fcfa93140f058b1a81ea"
        if is_inpaint
        else None,
        "output_sha256": digest,
    }
    output = {
        "index": 0,
        "path": "-",
        "format": "png",
        "width": 64 if is_inpaint else 96,
        "height": 64,
        "bytes": 159,
        "sha256": digest,
        "seed": 7,
        "estimate": 0.99,
        "proof": proof,
    }
    if operation == "mask":
        output |= {"seed": 0, "estimate": None, "proof": proof | {"kept_pixels": 4096}}
    engine = load_documents()["jobs"][operation]["method"]
    return {
        "version": 5,
        "outputs": [output],
        "recipe": {"engine": engine, "versions": {"numpy": "2.4.6", "opencv": "5.0.0"}},
        "timings": {"load_seconds": 0.0001, "paint_seconds": 0.0367, "encode_seconds": 0.0089},
        "progress": "",
        **_end(CREATED_AT + 95, "succeeded"),
    }


def _build_failure() -> dict[str, Any]:
    error = {
        "code": "deadline_exceeded",
        "title": "The deadline has passed",
        "detail": "the job did not finish before its deadline",
        "retryable": False,
    }
    return {"version": 4, "error": error, **_end(CREATED_AT + 3_600_000, "failed")}


def _end(at: int, outcome: str | None = None) -> dict[str, Any]:
    ended: dict[str, Any] = {"finished_at": at, "expires_at": at + 86_400_000}
    if outcome is not None:
        attempt = {"worker": _WORKER, "started_at": CREATED_AT + 16, "ended_at": at}
        ended["attempts"] = [{**attempt, "outcome": outcome}]
    return ended


def _as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
