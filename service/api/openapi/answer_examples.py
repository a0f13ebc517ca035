"""Examples of successful responses: at least one for every document.

Those that no code makes are in `answers.yaml`. A test requires one wherever the OpenAPI document
describes a JSON response.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from service.api.openai.answers import EditsAnswer, FacadeModel, FacadeModels
from service.api.openapi.data import load_documents
from service.api.openapi.job_examples import JOB_IDS, build_job_example, build_plan_example
from service.api.openapi.problem_examples import build_problem_example
from service.batches.answers import Batch, BatchItems, BatchList, BatchPlan, UploadAnswer
from service.contract.errors import Hung
from service.contract.params import Operation
from service.documents import schemas
from service.documents.schemas import Answer
from service.guide.advice import find_advice

Examples = Mapping[str, Any]
"""Documents by their name in the reference."""


@cache
def build_answer_examples() -> Mapping[tuple[str, int], Examples]:
    """Build the examples, by operation id and status."""
    return {
        ("createInpaint", 200): {
            **_jobs("inpaint", "succeeded"),
            "inpaint_plan": build_plan_example("inpaint"),
        },
        ("createInpaint", 202): _jobs("inpaint", "queued"),
        ("createOutpaint", 200): {
            **_jobs("outpaint", "succeeded"),
            "outpaint_plan": build_plan_example("outpaint"),
        },
        ("createOutpaint", 202): _jobs("outpaint", "queued"),
        ("createMask", 200): {
            **_jobs("mask", "succeeded"),
            "mask_plan": build_plan_example("mask"),
        },
        ("createMask", 202): _jobs("mask", "queued"),
        ("listJobs", 200): {"jobs": _list_job()},
        ("createImageEdit", 200): {"edits": _read(EditsAnswer, "edits")},
        ("listFacadeModels", 200): {
            "facade_models": _write(FacadeModels, {"data": [{"id": "auto"}]})
        },
        ("getFacadeModel", 200): {"facade_model": _write(FacadeModel, {"id": "auto"})},
        ("getJob", 200): _jobs("inpaint", "queued", "running", "succeeded", "failed", "canceled"),
        **{
            (f"create{kind}EventsToken", 201): {
                "events_token": _read(schemas.EventsToken, "events_token")
            }
            for kind in ("", "Batch")
        },
        ("cancelJob", 200): _jobs("inpaint", "canceled"),
        ("cancelJob", 202): _jobs("inpaint", "stopping"),
        ("listDeliveries", 200): {"delivered": _deliver("delivered", *_SUCCEEDED)},
        ("redeliver", 202): {"redelivered": _deliver("pending", *_SUCCEEDED)},
        ("listBatchDeliveries", 200): {"batch_delivered": _deliver("delivered", *_COMPLETED)},
        ("redeliverBatch", 202): {"batch_redelivered": _deliver("pending", *_COMPLETED)},
        ("createBatch", 202): {"batch_running": _read(Batch, "batch")},
        ("createBatch", 200): {"batch_plan": _plan_batch()},
        ("listBatches", 200): {"batches": _list_batches()},
        ("getBatch", 200): {
            "batch_running": _read(Batch, "batch"),
            "batch_ended": _read(Batch, "batch_ended"),
        },
        ("cancelBatch", 200): {"batch_ended": _read(Batch, "batch_ended")},
        ("cancelBatch", 202): {"batch_running": _read(Batch, "batch")},
        ("listBatchItems", 200): {"batch_items": _list_items()},
        ("createUpload", 201): {"upload": _read(UploadAnswer, "upload")},
        ("getUpload", 200): {"upload": _read(UploadAnswer, "upload")},
        ("listMethods", 200): {"methods": _read(schemas.MethodList, "methods")},
        ("listModels", 200): {"models": _read(schemas.ModelList, "models")},
        ("getLimits", 200): {"limits": _read(schemas.LimitsAnswer, "limits")},
        ("getUsage", 200): {"usage": _read(schemas.UsageAnswer, "usage")},
        ("listErrors", 200): {"errors": _write(schemas.ErrorTable, {"errors": [_ERROR]})},
        ("getError", 200): {"error": _write(schemas.ErrorEntry, _ERROR)},
        ("getLiveness", 200): {"alive": _write(schemas.Health, {"status": "ok"})},
        ("getReadiness", 200): {
            "ready": _write(schemas.Readiness, {"status": "ok", "warnings": []})
        },
        ("getVersion", 200): {"version": _read(schemas.VersionAnswer, "version")},
    }


_ERROR = {
    "code": Hung.code,
    "title": Hung.title,
    "status": 503,
    "retryable": True,
    "met_in": "job",
    "description": "The painting made no progress.",
    "advice": find_advice(Hung.code),
}


_SUCCEEDED = (f"{JOB_IDS['inpaint']}-4", "job.succeeded")
_COMPLETED = ("batch_01KAQ3C8T6XW3V1Z0F9B2M4N5P-1", "batch.completed")


def _deliver(state: str, webhook_id: str, event: str) -> dict[str, Any]:
    """Build a delivery: refused once, then accepted, perhaps to be sent again."""
    tries = [
        {"at": "2025-11-22T08:26:42.120Z", "seconds": 0.21, "status": 503, "error": "refused"},
        {"at": "2025-11-22T08:26:47.470Z", "seconds": 0.08, "status": 204, "error": None},
    ]
    delivery = {
        "id": webhook_id,
        "event": event,
        "state": state,
        "created_at": "2025-11-22T08:26:41.900Z",
        "next_try_at": "2025-11-22T09:00:00Z" if state == "pending" else None,
        "tries": len(tries),
        "attempts": tries,
    }
    return _write(schemas.Deliveries, {"deliveries": [delivery]})


def _jobs(operation: Operation, *statuses: str) -> Examples:
    return {f"{operation}_{status}": build_job_example(operation, status) for status in statuses}


def _list_job() -> dict[str, Any]:
    """Build a page with one job, whose fields are those of the job's example."""
    job = build_job_example("inpaint", "succeeded")
    listed = {name: job[name] for name in schemas.ListedJob.model_fields if name in job}
    links = {name: job["links"][name] for name in schemas.ListedLinks.model_fields}
    page = {"self": "/jobs?limit=1", "next": "/jobs?limit=1&cursor=MTc2MzgwMDAwMDAwMA"}
    item = {**listed, "fraction": 1.0, "links": links}
    return _write(schemas.JobList, {"jobs": [item], "links": page})


def _list_batches() -> dict[str, Any]:
    page = {"self": "/batches?limit=1", "next": f"/batches?limit=1&cursor={_COMPLETED[0][:-2]}"}
    batch = load_documents()["batch_ended"]
    return _write(BatchList, {"batches": [batch], "links": page})


def _plan_batch() -> dict[str, Any]:
    """Build the plan of a batch with an item that would be refused."""
    plan = build_plan_example("outpaint")
    items = [
        {"index": 0, "plan": plan, "problem": None},
        {"index": 1, "plan": None, "problem": build_problem_example("mask_empty")},
    ]
    sums = {"megapixels": plan["megapixels"], "cost": plan["cost"]}
    return _write(BatchPlan, {"total": 2, "refused": 1, **sums, "items": items})


def _list_items() -> dict[str, Any]:
    page = deepcopy(load_documents()["batch_items"])
    page["items"][1]["problem"] = build_problem_example("mask_empty")
    return _write(BatchItems, page)


def _read(model: type[Answer], name: str) -> dict[str, Any]:
    return _write(model, load_documents()[name])


def _write(model: type[Answer], document: dict[str, Any]) -> dict[str, Any]:
    """Validate a document by its model, which requires every field."""
    return model.model_validate(document).model_dump(mode="json")


def name_components(groups: Iterable[Examples]) -> dict[str, Any]:
    """Return all examples by their names as components of the document."""
    return {f"answer_{name}": {"value": value} for group in groups for name, value in group.items()}
