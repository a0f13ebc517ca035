"""The table of operations: parameters, responses and possible errors of each call.

A test compares it with the app's routes, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from service.api.openai.answers import EditEvent, EditsAnswer, FacadeModel, FacadeModels
from service.api.openapi.bodies import PATHS
from service.batches import answers as batch_answers
from service.contract.errors import Internal, NothingFound, PaintingFailed, iter_error_classes
from service.contract.formats import MEDIA_TYPES
from service.contract.keys import Scope
from service.contract.params import Operation as PaintOperation
from service.documents import schemas
from service.waiting.feed import MEDIA_TYPE as EVENT_STREAM

PICTURE_TYPES = tuple(MEDIA_TYPES.values())
"""Media types of results."""

_OCTETS = "application/octet-stream"
"""The second media type of every file: generators that know no other binary type read that."""


def _codes(names: str) -> list[str]:
    return names.split()


_SUBMISSION_ERRORS = _codes(
    "malformed_body length_required body_too_large image_too_large unsupported_media_type "
    "not_acceptable job_expired invalid_field conflicting_fields image_undecodable "
    "image_not_served image_unreachable method_unavailable model_unavailable "
    "model_required parameter_not_supported webhook_key_required idempotency_conflict "
    "too_many_jobs too_much_stored queue_full no_worker broker_unavailable broker_full "
    "store_unavailable too_many_waiters"
)
_PAINTING_ERRORS = [
    error.code
    for error in iter_error_classes()
    if issubclass(error, PaintingFailed) and error not in (Internal, NothingFound)
]
"""Errors that end a job, for callers that request the picture itself."""

_CALL_ERRORS = ["unauthorized", "forbidden", "rate_limited", "unknown_field"]
"""Errors of every call that needs a key; the last one for unknown query parameters."""

_ANY_ERRORS = ["misdirected_request"]
"""Errors of every call; a service without keys refuses foreign names in `Host`."""

_BATCH_ERRORS = ["not_found", "broker_unavailable"]
_JOB_ERRORS = ["not_found", "job_expired", "job_too_new", "broker_unavailable"]


@dataclass(frozen=True)
class Reply:
    """One successful response of an operation.

    Attributes:
        description: one sentence.
        model: the JSON document, if there is one.
        other_model: another document that may take its place.
        media_types: media types besides JSON, or instead of it.
        headers: names of headers, described in `headers`.
        event_model: the JSON document in each event, if it is a stream of events.
    """

    description: str
    model: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    other_model: type[BaseModel] | None = None
    event_model: type[BaseModel] | None = None

    @property
    def models(self) -> tuple[type[BaseModel], ...]:
        """Every document that it can contain."""
        found = (self.model, self.other_model, self.event_model)
        return tuple(model for model in found if model is not None)


@dataclass(frozen=True)
class Operation:
    """One call.

    Attributes:
        body: kind of its request body.
        is_facade: whether it has the format of OpenAI's API.
        parameters: names of parameters, described in `parameters`.
        errors: possible codes, besides `internal` and, with a key, those of every such call.
        needs_key: whether a deployment that requires API keys requires one here.
        reads: whether the scope for reading suffices though the method is not `get`.
    """

    method: str
    path: str
    id: str
    tag: str
    summary: str
    replies: Mapping[int, Reply]
    description: str = ""
    body: PaintOperation | Literal["batch", "edits", "upload"] | None = None
    is_facade: bool = False
    parameters: tuple[str, ...] = ()
    errors: list[str] = field(default_factory=list)
    needs_key: bool = True
    reads: bool = False

    @property
    def scope(self) -> Scope | None:
        """The scope that its key needs."""
        if not self.needs_key:
            return None
        if self.path == "/metrics":
            return "metrics:read"
        return "jobs:read" if self.reads or self.method == "get" else "jobs:write"

    @property
    def all_errors(self) -> list[str]:
        """The possible codes, besides `internal`."""
        own = [*_CALL_ERRORS, *self.errors] if self.needs_key else self.errors
        return [*own, *_ANY_ERRORS]


def _at(method: str, path: str, operation_id: str, tag: str) -> tuple[str, str, str, str]:
    """Return the first fields of an operation, on one line of the table."""
    return method, path, operation_id, tag


def _submit(operation: PaintOperation, summary: str, description: str, errors: str) -> Operation:
    headers = ("Location", "ETag", "Retry-After", "Idempotency-Replayed", "Preference-Applied")
    return Operation(
        method="post",
        path=PATHS[operation],
        id=f"create{operation.capitalize()}",
        tag="paint",
        summary=summary,
        description=description,
        body=operation,
        parameters=("dry_run", "Idempotency-Key", "Prefer"),
        replies={
            200: Reply(
                "With `Prefer: wait`: the job in its final state. If `Accept` prefers the image "
                "type of `output_format`: the picture itself, or the problem document of the error "
                "that ended the job. With `dry_run=true`: the plan of the job.",
                schemas.Job,
                other_model=schemas.Plan,
                media_types=PICTURE_TYPES,
                headers=(*headers, "X-Job-ID", "X-Seed"),
            ),
            202: Reply(
                "The job is accepted, and continues; also after the wait, whatever `Accept` is.",
                schemas.Job,
                headers=headers,
            ),
        },
        errors=[*_SUBMISSION_ERRORS, *errors.split(), *_PAINTING_ERRORS],
    )


def _open(
    path: str, operation_id: str, tag: str, summary: str, model: type[BaseModel]
) -> Operation:
    replies = {200: Reply(summary, model)}
    return Operation("get", path, operation_id, tag, summary, replies, needs_key=False)


def _picture(path: str, operation_id: str, summary: str, *parameters: str) -> Operation:
    headers = ("ETag", "Accept-Ranges", "Content-Disposition")
    return Operation(
        method="get",
        path=path,
        id=operation_id,
        tag="jobs",
        summary=summary,
        parameters=("job_id", *parameters, "redirect", "If-None-Match", "Range"),
        replies={
            200: Reply("The picture.", media_types=(*PICTURE_TYPES, _OCTETS), headers=headers),
            206: Reply(
                "The requested range.",
                media_types=(*PICTURE_TYPES, _OCTETS),
                headers=(*headers, "Content-Range"),
            ),
            304: Reply("The caller has it already.", headers=("ETag",)),
            307: Reply(
                "With `redirect=true`: the picture is at `Location`, which is sent no API key.",
                headers=("Location",),
            ),
        },
        errors=[
            *_JOB_ERRORS,
            *_codes("invalid_field not_finished no_result range_not_satisfiable store_unavailable"),
        ],
    )


def _small_picture(
    path: str, operation_id: str, description: str, media_type: str, summary: str
) -> Operation:
    headers = ("ETag", "Content-Disposition")
    return Operation(
        *_at("get", path, operation_id, "jobs"),
        summary,
        {
            200: Reply(description, media_types=(media_type, _OCTETS), headers=headers),
            304: Reply("The caller has it already.", headers=("ETag",)),
        },
        parameters=("job_id", "If-None-Match"),
        errors=[*_JOB_ERRORS, *_codes("not_finished no_result store_unavailable")],
    )


OPERATIONS: tuple[Operation, ...] = (
    _submit(
        "inpaint",
        "Repaint a part of a picture",
        "Repaints where the mask is white (or black, see `mask_polarity`) and keeps every other "
        "pixel unchanged. Exactly one of `mask`, `mask_source` and `regions` describes the mask. "
        "Responds at once; poll `links.self`.",
        "mask_undecodable mask_size_mismatch mask_empty mask_full nothing_found",
    ),
    _submit(
        "outpaint",
        "Extend a picture past its borders",
        "Send exactly one complete set of size parameters: margins in pixels (`left`, `top`, "
        "`right`, `bottom`), margins in percent of the picture's sides (`left_percent` and so on), "
        "`aspect_ratio`, `width` and `height` with or without `x` and `y`, or `zoom_out`; the last "
        "three with an optional `anchor`. Nothing is ever cropped or scaled: the original is kept "
        "unchanged, and the canvas has exactly the size in `geometry`.",
        "no_change",
    ),
    _submit(
        "mask",
        "Find what a mask is to mark",
        "Takes the picture and the mask as `POST /inpaint` does, and paints nothing: the result is "
        "the mask, a PNG, white where `POST /inpaint` would repaint. `mask.effective.found` has "
        "each thing that was found, with its box, score and pixels. The `id` of the job may stand "
        'where a mask stands: `"mask": {"job": id}`.',
        "mask_undecodable mask_size_mismatch mask_empty mask_full nothing_found",
    ),
    Operation(
        *_at("post", "/v1/images/edits", "createImageEdit", "facade"),
        summary="Repaint the transparent part, for clients of OpenAI's API",
        description="Repaints where `mask` is fully transparent, or, without a mask, where the "
        "image is, and responds when that is done; with `stream`, meanwhile too. Fields without a "
        "meaning here are refused; other parameters of `POST /inpaint` may be added.",
        body="edits",
        is_facade=True,
        parameters=("Idempotency-Key",),
        replies={
            200: Reply(
                "The pictures. With `stream`: Server-Sent Events; `error` instead of the last one, "
                "if there is no picture.",
                EditsAnswer,
                media_types=(EVENT_STREAM,),
                event_model=EditEvent,
                headers=("Location", "X-Job-ID", "X-Paintjob-Warnings"),
            )
        },
        errors=[
            *_SUBMISSION_ERRORS,
            *_PAINTING_ERRORS,
            *_codes(
                "mask_undecodable mask_size_mismatch mask_empty mask_full nothing_found no_result "
                "not_finished"
            ),
        ],
    ),
    Operation(
        *_at("get", "/v1/models", "listFacadeModels", "facade"),
        summary="The models of POST /v1/images/edits",
        is_facade=True,
        replies={200: Reply("The names.", FacadeModels)},
    ),
    Operation(
        *_at("get", "/v1/models/{model_id}", "getFacadeModel", "facade"),
        summary="A model of POST /v1/images/edits",
        is_facade=True,
        parameters=("model_id",),
        replies={200: Reply("It is one.", FacadeModel)},
        errors=["not_found"],
    ),
    Operation(
        *_at("get", "/jobs", "listJobs", "jobs"),
        "The caller's jobs, newest first",
        {200: Reply("A page.", schemas.JobList, headers=("Link",))},
        description="Follow `links.next`, or the `Link` header, until there is none. Jobs that are "
        "created or deleted meanwhile neither repeat nor hide others. With `status`, a job that "
        "changes its status between two pages moves to the page of its new status.",
        parameters=("cursor", "limit", "status", "tag"),
        errors=["invalid_field", "broker_unavailable"],
    ),
    Operation(
        *_at("get", "/jobs/{job_id}", "getJob", "jobs"),
        "Get a job",
        {
            200: Reply(
                "The job, whatever its status.",
                schemas.Job,
                headers=("ETag", "Retry-After", "Preference-Applied"),
            ),
            304: Reply("The caller has it already.", headers=("ETag", "Preference-Applied")),
        },
        description="With `Prefer: wait` it responds once the job has ended; with `If-None-Match` "
        "too, once the job differs from the caller's version; in any case when the wait is over. A "
        "change of the position in the queue ends no wait.",
        parameters=("job_id", "If-None-Match", "Prefer"),
        errors=[*_JOB_ERRORS, *_codes("invalid_field not_acceptable too_many_waiters")],
    ),
    Operation(
        *_at("get", "/jobs/{job_id}/events", "getEvents", "jobs"),
        "Follow the events of a job",
        {
            200: Reply(
                "Server-Sent Events; the data of each is a `JobEvent`.",
                media_types=(EVENT_STREAM,),
                event_model=schemas.JobEvent,
            ),
            204: Reply("The job has ended and the caller has received its last event."),
        },
        description="Begins with the job's first event, or after `Last-Event-ID`, without gap or "
        "repetition; events that are no longer kept are reported by `skipped`. Ends with the final "
        "`status`, which contains the whole job, or with `wiped`. A stream that ends otherwise was "
        "cut, because the process stops, the client is too slow or the key was revoked: reconnect "
        "with `Last-Event-ID`. A comment is sent every 15 seconds without an event.",
        parameters=("job_id", "Last-Event-ID", "token"),
        errors=[*_JOB_ERRORS, *_codes("invalid_field not_acceptable too_many_waiters")],
    ),
    Operation(
        *_at("post", "/jobs/{job_id}/events-token", "createEventsToken", "jobs"),
        "Get a URL of a job's events that needs no header",
        {201: Reply("It is valid for ten minutes.", schemas.EventsToken)},
        description="For `EventSource` in browsers, which cannot send a key. The token in the URL "
        "opens this job's events for reading, and ends with the key that made it.",
        parameters=("job_id",),
        errors=_JOB_ERRORS,
        reads=True,
    ),
    Operation(
        *_at("delete", "/jobs/{job_id}", "deleteJob", "jobs"),
        "Delete a job: inputs, mask, outputs and record",
        {204: Reply("The job is deleted; if it was running, it is canceled.")},
        parameters=("job_id",),
        errors=_JOB_ERRORS,
    ),
    _picture("/jobs/{job_id}/result", "getResult", "Get a job's first result"),
    _picture("/jobs/{job_id}/results/{index}", "getOutput", "Get one of a job's results", "index"),
    _picture(
        *("/jobs/{job_id}/results/{index}/resized", "getResized"),
        "Get the copy of a result in the size of `output_width` and `output_height`",
        "index",
    ),
    _small_picture(
        *("/jobs/{job_id}/mask", "getMask", "The mask.", "image/png"),
        "Get the effective mask, after `grow`; it exists before the painting starts, and only for "
        "`inpaint` jobs",
    ),
    _small_picture(
        *("/jobs/{job_id}/preview", "getPreview", "The last preview.", "image/jpeg"),
        "Get a small preview of the result, once there is `progress.preview_url`",
    ),
    Operation(
        *_at("post", "/jobs/{job_id}/cancel", "cancelJob", "jobs"),
        "Cancel a job",
        {
            200: Reply("The job is canceled.", schemas.Job, headers=("ETag",)),
            202: Reply("A worker is stopping it.", schemas.Job, headers=("ETag", "Retry-After")),
        },
        parameters=("job_id",),
        errors=[*_JOB_ERRORS, "already_finished"],
    ),
    Operation(
        *_at("post", "/batches", "createBatch", "batches"),
        "Submit up to 1,000 items under one id",
        {
            200: Reply("With `dry_run=true`: the plan of each item.", batch_answers.BatchPlan),
            202: Reply(
                "The batch is accepted; `counts.refused` is the number of refused items.",
                batch_answers.Batch,
                headers=("Location", "Retry-After", "Idempotency-Replayed"),
            ),
        },
        description="Each item is accepted or refused individually, and becomes its own job. Its "
        'pictures are base64, parts of a multipart body by `{"part": name}`, uploads or URLs. '
        "Without `Idempotency-Key`, a batch that cannot be submitted completely is withdrawn; with "
        "one, the same request continues where it stopped.",
        body="batch",
        parameters=("dry_run", "Idempotency-Key"),
        errors=_codes(
            "malformed_body length_required body_too_large unsupported_media_type invalid_field "
            "webhook_key_required idempotency_conflict not_found broker_unavailable "
            "store_unavailable too_many_waiters too_much_work too_much_stored"
        ),
    ),
    Operation(
        *_at("get", "/batches", "listBatches", "batches"),
        "The caller's batches, newest first",
        {200: Reply("A page.", batch_answers.BatchList, headers=("Link",))},
        description="Follow `links.next`, or the `Link` header, until there is none.",
        parameters=("cursor", "limit"),
        errors=["invalid_field", "broker_unavailable"],
    ),
    Operation(
        *_at("get", "/batches/{batch_id}", "getBatch", "batches"),
        "Get a batch",
        {
            200: Reply(
                "The batch.",
                batch_answers.Batch,
                headers=("ETag", "Retry-After", "Preference-Applied"),
            ),
            304: Reply("The caller has it already.", headers=("ETag", "Preference-Applied")),
        },
        description="With `Prefer: wait` it responds once the batch has ended; with "
        "`If-None-Match` too, once the batch differs from the caller's version; in any case when "
        "the wait is over.",
        parameters=("batch_id", "If-None-Match", "Prefer"),
        errors=[*_BATCH_ERRORS, *_codes("invalid_field too_many_waiters")],
    ),
    Operation(
        *_at("get", "/batches/{batch_id}/events", "getBatchEvents", "batches"),
        "Follow a batch to its end",
        {
            200: Reply(
                "Server-Sent Events; the data of each is a `BatchEvent`.",
                media_types=(EVENT_STREAM,),
                event_model=batch_answers.BatchEvent,
            ),
            204: Reply("The batch has ended and the caller has received its last event."),
        },
        description="Each event has the whole batch: as it is when the stream begins, and after "
        "each change; changes that follow each other closely are one event. Ends with `ended` or "
        "`wiped`; after a cut, reconnect. A comment is sent every 15 seconds without an event.",
        parameters=("batch_id", "batch_Last-Event-ID", "token"),
        errors=[*_BATCH_ERRORS, *_codes("invalid_field not_acceptable too_many_waiters")],
    ),
    Operation(
        *_at("post", "/batches/{batch_id}/events-token", "createBatchEventsToken", "batches"),
        "Get a URL of a batch's events that needs no header",
        {201: Reply("It is valid for ten minutes.", schemas.EventsToken)},
        description="As for a job's events.",
        parameters=("batch_id",),
        errors=_BATCH_ERRORS,
        reads=True,
    ),
    Operation(
        *_at("delete", "/batches/{batch_id}", "deleteBatch", "batches"),
        "Delete a batch with all its jobs",
        {204: Reply("They are deleted; running jobs are canceled.")},
        parameters=("batch_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        *_at("get", "/batches/{batch_id}/items", "listBatchItems", "batches"),
        "List the items of a batch",
        {200: Reply("A page of items.", batch_answers.BatchItems)},
        parameters=("batch_id", "first", "batch_limit"),
        errors=[*_BATCH_ERRORS, "invalid_field"],
    ),
    Operation(
        *_at("post", "/batches/{batch_id}/cancel", "cancelBatch", "batches"),
        "Cancel every unfinished job of a batch",
        {
            200: Reply("All have ended.", batch_answers.Batch),
            202: Reply("Workers are stopping some.", batch_answers.Batch, headers=("Retry-After",)),
        },
        parameters=("batch_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        *_at("get", "/batches/{batch_id}/results.zip", "getBatchResults", "batches"),
        "Get all results of an ended batch, and `manifest.json` with the document of each job",
        {
            200: Reply(
                "A zip, written while it is sent; a truncated one has no directory.",
                media_types=("application/zip", _OCTETS),
                headers=("Content-Disposition",),
            )
        },
        parameters=("batch_id",),
        errors=[*_BATCH_ERRORS, "not_finished", "store_unavailable"],
    ),
    Operation(
        *_at("get", "/batches/{batch_id}/deliveries", "listBatchDeliveries", "batches"),
        "List the deliveries of a batch's webhook",
        {200: Reply("One event after its end, if it has a `webhook_url`.", schemas.Deliveries)},
        parameters=("batch_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        *_at("post", "/batches/{batch_id}/deliveries/redeliver", "redeliverBatch", "batches"),
        "Send a batch's webhook again, with the same id",
        {202: Reply("It is sent soon, with the retries of a new one.", schemas.Deliveries)},
        parameters=("batch_id", "webhook_id"),
        errors=[*_BATCH_ERRORS, "no_webhook"],
    ),
    Operation(
        *_at("post", "/uploads", "createUpload", "batches"),
        "Upload a picture once, for several requests",
        {201: Reply("It is kept for a day.", batch_answers.UploadAnswer, headers=("Location",))},
        description='Refer to it where a JSON body has a picture: `{"upload": id}`. A job keeps '
        "the picture although the upload is deleted.",
        body="upload",
        errors=_codes(
            "malformed_body length_required body_too_large image_too_large unsupported_media_type "
            "invalid_field conflicting_fields image_undecodable broker_unavailable "
            "store_unavailable too_much_stored"
        ),
    ),
    Operation(
        *_at("get", "/uploads/{upload_id}", "getUpload", "batches"),
        "Get an upload",
        {200: Reply("The upload.", batch_answers.UploadAnswer)},
        parameters=("upload_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        *_at("delete", "/uploads/{upload_id}", "deleteUpload", "batches"),
        "Delete an upload",
        {204: Reply("It is deleted; jobs that used it keep its picture.")},
        parameters=("upload_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        *_at("get", "/jobs/{job_id}/deliveries", "listDeliveries", "jobs"),
        "List the deliveries of a job's webhooks",
        {200: Reply("One for each of its events with a webhook so far.", schemas.Deliveries)},
        parameters=("job_id",),
        errors=_JOB_ERRORS,
    ),
    Operation(
        *_at("post", "/jobs/{job_id}/deliveries/redeliver", "redeliver", "jobs"),
        "Send a webhook again, with the same id",
        {202: Reply("It is sent soon, with the retries of a new one.", schemas.Deliveries)},
        parameters=("job_id", "webhook_id"),
        errors=[*_JOB_ERRORS, "no_webhook"],
    ),
    Operation(
        *_at("get", "/methods", "listMethods", "catalogue"),
        "List the methods, and the workers online for them",
        {200: Reply("The methods.", schemas.MethodList)},
        errors=["broker_unavailable"],
    ),
    Operation(
        *_at("get", "/models", "listModels", "catalogue"),
        "List the models",
        {200: Reply("The models.", schemas.ModelList)},
        errors=["broker_unavailable"],
    ),
    Operation(
        *_at("get", "/limits", "getLimits", "catalogue"),
        "Get the limits of requests",
        {200: Reply("The limits.", schemas.LimitsAnswer)},
        errors=["broker_unavailable"],
    ),
    Operation(
        *_at("get", "/usage", "getUsage", "catalogue"),
        "Get what your tenant has used, by day and key",
        {200: Reply("The usage.", schemas.UsageAnswer)},
        description="Succeeded jobs count on the day on which they ended. The counts are kept for "
        "93 days, although the jobs are deleted.",
        parameters=("days",),
        errors=["invalid_field", "broker_unavailable"],
    ),
    _open("/errors", "listErrors", "catalogue", "List all errors", schemas.ErrorTable),
    Operation(
        *_at("get", "/errors/{code}", "getError", "catalogue"),
        "Get the meaning of an error",
        {200: Reply("The error.", schemas.ErrorEntry)},
        parameters=("code",),
        errors=["not_found"],
        needs_key=False,
    ),
    _open(
        "/health/live",
        "getLiveness",
        "operations",
        "Check that this process answers",
        schemas.Health,
    ),
    Operation(
        *_at("get", "/health/ready", "getReadiness", "operations"),
        "Check that jobs can be accepted",
        {200: Reply("They can.", schemas.Readiness)},
        errors=[
            "broker_unavailable",
            "broker_full",
            "store_unavailable",
            "no_worker",
            "shutting_down",
        ],
        needs_key=False,
    ),
    Operation(
        *_at("get", "/metrics", "getMetrics", "operations"),
        "Get the metrics of the API, for Prometheus",
        {200: Reply("Metrics in Prometheus' text format.", media_types=("text/plain",))},
        description="Only where API keys are required. Those of the courier and of workers are on "
        "ports of their own.",
        errors=["not_found"],
    ),
    _open("/version", "getVersion", "operations", "Get the version", schemas.VersionAnswer),
)
