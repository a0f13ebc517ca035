"""Examples of successful responses: at least one for every document.

A test requires one wherever the OpenAPI document describes a JSON response.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from service.api.openai.answers import EditsAnswer, FacadeModels
from service.api.openapi.job_examples import JOB_IDS, build_job_example, build_plan_example
from service.api.openapi.problem_examples import build_problem_example
from service.batches.answers import Batch, BatchItems, UploadAnswer
from service.contract.errors import Hung
from service.contract.params import Operation
from service.documents import schemas
from service.documents.schemas import Answer

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
        ("listJobs", 200): {"jobs": _list_job()},
        ("createImageEdit", 200): {"edits": _write(EditsAnswer, _EDITS)},
        ("listFacadeModels", 200): {
            "facade_models": _write(FacadeModels, {"data": [{"id": "auto"}]})
        },
        ("getJob", 200): _jobs("inpaint", "queued", "running", "succeeded", "failed", "canceled"),
        ("cancelJob", 200): _jobs("inpaint", "canceled"),
        ("cancelJob", 202): _jobs("inpaint", "stopping"),
        ("listDeliveries", 200): {"delivered": _deliver("delivered", *_SUCCEEDED)},
        ("redeliver", 202): {"redelivered": _deliver("pending", *_SUCCEEDED)},
        ("listBatchDeliveries", 200): {"batch_delivered": _deliver("delivered", *_COMPLETED)},
        ("redeliverBatch", 202): {"batch_redelivered": _deliver("pending", *_COMPLETED)},
        ("createBatch", 202): {"batch_running": _write(Batch, _BATCH)},
        ("getBatch", 200): {
            "batch_running": _write(Batch, _BATCH),
            "batch_ended": _write(Batch, _BATCH_ENDED),
        },
        ("cancelBatch", 200): {"batch_ended": _write(Batch, _BATCH_ENDED)},
        ("cancelBatch", 202): {"batch_running": _write(Batch, _BATCH)},
        ("listBatchItems", 200): {"batch_items": _write(BatchItems, _BATCH_ITEMS)},
        ("createUpload", 201): {"upload": _write(UploadAnswer, _UPLOAD)},
        ("getUpload", 200): {"upload": _write(UploadAnswer, _UPLOAD)},
        ("listMethods", 200): {"methods": _write(schemas.MethodList, {"methods": [_METHOD]})},
        ("listModels", 200): {"models": _write(schemas.ModelList, {"models": [_MODEL]})},
        ("getLimits", 200): {"limits": _write(schemas.LimitsAnswer, _LIMITS)},
        ("listErrors", 200): {"errors": _write(schemas.ErrorTable, {"errors": [_ERROR]})},
        ("getError", 200): {"error": _write(schemas.ErrorEntry, _ERROR)},
        ("getLiveness", 200): {"alive": _write(schemas.Health, {"status": "ok"})},
        ("getReadiness", 200): {"ready": _write(schemas.Health, {"status": "ok"})},
        ("getVersion", 200): {"version": _write(schemas.VersionAnswer, _VERSION)},
    }


_BATCH_ID = "batch_01KAQ3C8T6XW3V1Z0F9B2M4N5P"
_BATCH_URL = f"/batches/{_BATCH_ID}"
_BATCH_LINKS = {
    "self": _BATCH_URL,
    **{name: f"{_BATCH_URL}/{name}" for name in ("items", "cancel", "deliveries")},
    "results": f"{_BATCH_URL}/results.zip",
}
_NO_COUNTS = dict.fromkeys(
    ("unfinished", "succeeded", "failed", "canceled", "refused", "deleted"), 0
)
_BATCH = {
    "id": _BATCH_ID,
    "status": "running",
    "total": 3,
    "counts": {**_NO_COUNTS, "unfinished": 1, "succeeded": 1, "refused": 1},
    "fraction": 2 / 3,
    "created_at": "2025-11-22T08:26:40Z",
    "ended_at": None,
    "expires_at": None,
    "tags": ["nightly"],
    "webhook_url": "https://receiver.example/batches",
    "links": {**_BATCH_LINKS, "results": None},
}
_BATCH_ENDED = {
    **_BATCH,
    "status": "ended",
    "counts": {**_NO_COUNTS, "succeeded": 1, "canceled": 1, "refused": 1},
    "fraction": 1.0,
    "ended_at": "2025-11-22T08:26:44Z",
    "expires_at": "2025-11-23T08:26:44Z",
    "links": {**_BATCH_LINKS, "cancel": None},
}
_BATCH_ITEMS = {
    "items": [
        {
            "index": 0,
            "status": "succeeded",
            "job_id": JOB_IDS["inpaint"],
            "problem": None,
            "url": f"/jobs/{JOB_IDS['inpaint']}",
        },
        {
            "index": 1,
            "status": "refused",
            "job_id": None,
            "problem": build_problem_example("mask_empty"),
            "url": None,
        },
    ],
    "next": f"{_BATCH_URL}/items?first=2&limit=2",
}
_UPLOAD = {
    "id": "upl_01KAQ3C8T6XW3V1Z0F9B2M4N5P",
    "bytes": 48_211,
    "sha256": "60b4f7037700a2837bb055d696680327ec3169b6789f5eb96cbcd8151f33fd7e",
    "format": "jpeg",
    "width": 640,
    "height": 427,
    "expires_at": "2025-11-23T08:26:40Z",
    "links": {"self": "/uploads/upl_01KAQ3C8T6XW3V1Z0F9B2M4N5P"},
}
_EDITS = {
    "created": 1_795_000_000,
    "output_format": "png",
    "quality": "auto",
    "size": "640x480",
    "data": [{"b64_json": "iVBORw0KGgo="}],
}
_METHOD = {
    "name": "patch",
    "operation": "inpaint",
    "summary": "Fills the hole with similar parts of the picture, without weights.",
    "available": True,
    "is_default": True,
    "needs_model": False,
    "variants": True,
    "engine": "patch",
    "unsupported_fields": ["guidance_scale", "model", "negative_prompt", "prompt", "strength"],
    "workers_online": 1,
}
_MODEL = {
    "name": "flux2-klein-4b",
    "family": "flux2-klein",
    "description": "Recommended: four steps, good at filling and extending, free to use.",
    "configured": True,
    "revision": "main",
    "dtype": "bfloat16",
    "licence": "Apache-2.0",
    "commercial": True,
    "is_default": True,
    "memory_bytes": 16_000_000_000,
    "conditioning": "reference",
    "guidance": "none",
    "sees_hole": True,
    "unsupported_fields": ["guidance_scale", "negative_prompt"],
    "size_multiple": 16,
    "native_pixels": 1_048_576,
    "max_batch": 4,
    "defaults": {
        "strength": 1.0,
        "guidance_scale": 1.0,
        "num_inference_steps": 4,
        "negative_prompt": "",
    },
    "workers_online": 1,
}
_LIMITS = {
    "max_body_bytes": 70_000_000,
    "max_json_body_bytes": 20_000_000,
    "max_part_bytes": 25_000_000,
    "min_side_pixels": 64,
    "max_image_pixels": 16_000_000,
    "max_canvas_pixels": 32_000_000,
    "max_painted_pixels": 64_000_000,
    "takes_image_urls": False,
    "max_aspect": 16,
    "max_num_images": 8,
    "output_formats": ["png", "jpeg", "webp", "avif"],
    "max_queued_jobs": 1000,
    "max_unfinished_jobs": 1000,
    "max_finish_within_seconds": 86_400,
    "max_ttl_seconds": 604_800,
    "max_wait_seconds": 60,
    "max_waiting_clients": 128,
    "max_waiting_clients_of_key": 64,
    "max_unfinished_jobs_of_key": None,
    "max_requests_per_minute": 600,
    "max_megapixels_per_minute": None,
    "max_worker_absence_seconds": 900.0,
    "max_broker_memory_share": 0.8,
    "min_store_free_bytes": 1_000_000_000,
    "pressure": {
        "broker_used_bytes": 9_000_000,
        "broker_max_bytes": 536_870_912,
        "store_free_bytes": 80_000_000_000,
        "refuses_with": None,
        "queues": [{"queue": "paint-cpu", "waiting": 3, "workers_online": 2, "refuses_with": None}],
    },
}
_ERROR = {
    "code": Hung.code,
    "title": Hung.title,
    "status": 503,
    "retryable": True,
    "met_in": "job",
    "description": "The painting made no progress.",
}
_VERSION = {"name": "paintjob", "version": "0.1.0", "job_schema": 2}


_SUCCEEDED = (f"{JOB_IDS['inpaint']}-4", "job.succeeded")
_COMPLETED = (f"{_BATCH_ID}-1", "batch.completed")


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


def _write(model: type[Answer], document: dict[str, Any]) -> dict[str, Any]:
    """Validate a document by its model, which requires every field."""
    return model.model_validate(document).model_dump(mode="json")


def name_components(groups: Iterable[Examples]) -> dict[str, Any]:
    """Return all examples by their names as components of the document."""
    return {f"answer_{name}": {"value": value} for group in groups for name, value in group.items()}
