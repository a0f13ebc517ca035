"""The table of operations: what each takes, what it answers, which errors it can meet.

A test holds it against the app's own routes, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from service.api.openai.answers import EditsAnswer, FacadeModels
from service.batches import answers as batch_answers
from service.contract.errors import Internal, PaintingFailed, iter_error_classes
from service.contract.formats import MEDIA_TYPES
from service.contract.keys import Scope
from service.contract.params import Operation as PaintOperation
from service.documents import schemas
from service.waiting.feed import MEDIA_TYPE as EVENT_STREAM

PICTURE_TYPES = tuple(MEDIA_TYPES.values())
"""What a result may be."""

_SUBMISSION_ERRORS = [
    "malformed_body",
    "length_required",
    "body_too_large",
    "image_too_large",
    "unsupported_media_type",
    "not_acceptable",
    "job_expired",
    "invalid_field",
    "conflicting_fields",
    "image_undecodable",
    "image_not_served",
    "image_unreachable",
    "method_unavailable",
    "model_unavailable",
    "model_required",
    "parameter_not_supported",
    "webhook_key_required",
    "idempotency_conflict",
    "too_many_jobs",
    "queue_full",
    "no_worker",
    "broker_unavailable",
    "broker_full",
    "store_unavailable",
    "too_many_waiters",
]
_PAINTING_ERRORS = [
    error.code
    for error in iter_error_classes()
    if issubclass(error, PaintingFailed) and error is not Internal
]
"""What may end a job, for those who asked for the picture itself."""

_CALL_ERRORS = ["unauthorized", "forbidden", "rate_limited", "unknown_field"]
"""What every call meets that knows its caller: the last one for a query that it does not take."""

_BATCH_ERRORS = ["not_found", "broker_unavailable"]
_JOB_ERRORS = ["not_found", "job_expired", "broker_unavailable"]


@dataclass(frozen=True)
class Reply:
    """One way in which an operation succeeds.

    Attributes:
        description: one sentence.
        model: the JSON document, if it is one.
        other_model: another document that may come in its place.
        media_types: what comes besides JSON, or instead of it.
        headers: names of headers, described in `document`.
        event_model: the JSON document that each event carries, if it is a stream of events.
    """

    description: str
    model: type[BaseModel] | None = None
    media_types: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    other_model: type[BaseModel] | None = None
    event_model: type[BaseModel] | None = None

    @property
    def models(self) -> tuple[type[BaseModel], ...]:
        """Every document that it can come to."""
        found = (self.model, self.other_model, self.event_model)
        return tuple(model for model in found if model is not None)


@dataclass(frozen=True)
class Operation:
    """One call.

    Attributes:
        body: which request body it takes.
        is_facade: whether it speaks in the words of OpenAI's API.
        parameters: names of parameters, described in `document`.
        errors: codes it can meet, besides `internal` and, where it needs a key, those of every
            such call.
        needs_key: whether a deployment that asks for API keys asks for one here.
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

    @property
    def scope(self) -> Scope | None:
        """The scope that its key must have."""
        if not self.needs_key:
            return None
        return "jobs:read" if self.method == "get" else "jobs:write"

    @property
    def all_errors(self) -> list[str]:
        """The codes that it can meet, besides `internal`."""
        return [*_CALL_ERRORS, *self.errors] if self.needs_key else self.errors


def _submit(operation: PaintOperation, summary: str, description: str, errors: str) -> Operation:
    headers = ("Location", "ETag", "Retry-After", "Idempotency-Replayed", "Preference-Applied")
    return Operation(
        method="post",
        path=f"/{operation}",
        id=f"create{operation.capitalize()}",
        tag="paint",
        summary=summary,
        description=description,
        body=operation,
        parameters=("dry_run", "Idempotency-Key", "Prefer"),
        replies={
            200: Reply(
                "With `Prefer: wait`: the job, which has ended, however it ended. If `Accept` "
                "prefers the image type that is that of `output_format`: the picture itself, and "
                "the problem document of what ended the job if there is none. With "
                "`dry_run=true`: what the job would be.",
                schemas.Job,
                other_model=schemas.Plan,
                media_types=PICTURE_TYPES,
                headers=(*headers, "X-Job-ID", "X-Seed"),
            ),
            202: Reply(
                "The job is accepted, and goes on; also when the wait ran out, whatever `Accept` "
                "says.",
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
        parameters=("job_id", *parameters, "If-None-Match", "Range"),
        replies={
            200: Reply("The picture.", media_types=PICTURE_TYPES, headers=headers),
            206: Reply(
                "The part asked for.",
                media_types=PICTURE_TYPES,
                headers=(*headers, "Content-Range"),
            ),
            304: Reply("The caller has it already.", headers=("ETag",)),
        },
        errors=[
            *_JOB_ERRORS,
            "not_finished",
            "no_result",
            "range_not_satisfiable",
            "store_unavailable",
        ],
    )


OPERATIONS: tuple[Operation, ...] = (
    _submit(
        "inpaint",
        "Fill a part of a picture",
        "Repaints where the mask is white (or black, see `mask_polarity`) and keeps every other "
        "pixel bit for bit. Exactly one of `mask`, `mask_source` and `regions` says what the mask "
        "is. Answers at once; poll `links.self`.",
        "mask_undecodable mask_size_mismatch mask_empty mask_full",
    ),
    _submit(
        "outpaint",
        "Extend a picture past its borders",
        "Say how far in exactly one vocabulary: margins in pixels (`left`, `top`, `right`, "
        "`bottom`), margins in percent of the picture's sides (`left_percent` and so on), "
        "`aspect_ratio`, `width` and `height` with `x` and `y` or not, or `zoom_out`; the last "
        "three with an optional `anchor`. Nothing is ever cropped or scaled: the original is kept "
        "bit for bit, and the canvas has exactly the size in `geometry`.",
        "no_change",
    ),
    Operation(
        method="post",
        path="/v1/images/edits",
        id="createImageEdit",
        tag="facade",
        summary="Repaint what is transparent, for clients of OpenAI's API",
        description="Repaints where `mask` is fully transparent, or, without a mask, where the "
        "picture is, and answers once that is done. What has no meaning here is refused; further "
        "parameters of `POST /inpaint` may come along.",
        body="edits",
        is_facade=True,
        parameters=("Idempotency-Key",),
        replies={
            200: Reply(
                "The pictures.",
                EditsAnswer,
                headers=("Location", "X-Job-ID", "X-Paintjob-Warnings"),
            )
        },
        errors=[
            *_SUBMISSION_ERRORS,
            *_PAINTING_ERRORS,
            "mask_undecodable",
            "mask_size_mismatch",
            "mask_empty",
            "mask_full",
            "no_result",
            "not_finished",
        ],
    ),
    Operation(
        method="get",
        path="/v1/models",
        id="listFacadeModels",
        tag="facade",
        summary="What `model` may name in `POST /v1/images/edits`",
        is_facade=True,
        replies={200: Reply("The names.", FacadeModels)},
    ),
    Operation(
        "get",
        "/jobs",
        "listJobs",
        "jobs",
        "The caller's jobs, newest first",
        {200: Reply("A page.", schemas.JobList, headers=("Link",))},
        description="Follow `links.next`, or the `Link` header, while there is one: jobs that come "
        "or go meanwhile neither repeat nor hide another. With `status`, a job that changes its "
        "status between two pages is where its new status belongs.",
        parameters=("cursor", "limit", "status", "tag"),
        errors=["invalid_field", "broker_unavailable"],
    ),
    Operation(
        "get",
        "/jobs/{job_id}",
        "getJob",
        "jobs",
        "How a job stands",
        {
            200: Reply(
                "The job, whatever its status.",
                schemas.Job,
                headers=("ETag", "Retry-After", "Preference-Applied"),
            ),
            304: Reply("The caller has it already.", headers=("ETag", "Preference-Applied")),
        },
        description="With `Prefer: wait` it answers once the job has ended; with `If-None-Match` "
        "as well, once the job differs from what the caller has. In any case when the wait is "
        "over. A place in the queue that changes ends no wait.",
        parameters=("job_id", "If-None-Match", "Prefer"),
        errors=[*_JOB_ERRORS, "invalid_field", "not_acceptable", "too_many_waiters"],
    ),
    Operation(
        "get",
        "/jobs/{job_id}/events",
        "getEvents",
        "jobs",
        "What happens to a job, as it happens",
        {
            200: Reply(
                "Server-Sent Events; the data of each is a `JobEvent`.",
                media_types=(EVENT_STREAM,),
                event_model=schemas.JobEvent,
            ),
            204: Reply("The job has ended and the caller has seen its last event."),
        },
        description="Begins with the job's first event, or after `Last-Event-ID`, without gap or "
        "repetition; what is too old to be kept is told of by `skipped`. Ends with the `status` "
        "that ends the job, which carries the whole job, or with `wiped`. A stream that ends "
        "otherwise was cut, because the process stops or the client is too slow: come back with "
        "`Last-Event-ID`. A comment is sent every 15 seconds without an event.",
        parameters=("job_id", "Last-Event-ID"),
        errors=[*_JOB_ERRORS, "invalid_field", "not_acceptable", "too_many_waiters"],
    ),
    Operation(
        "delete",
        "/jobs/{job_id}",
        "deleteJob",
        "jobs",
        "Wipe a job: inputs, mask, outputs and record",
        {204: Reply("The job is gone; if it was running, it is canceled.")},
        parameters=("job_id",),
        errors=_JOB_ERRORS,
    ),
    _picture("/jobs/{job_id}/result", "getResult", "A job's first picture"),
    _picture("/jobs/{job_id}/results/{index}", "getOutput", "One of a job's pictures", "index"),
    Operation(
        "get",
        "/jobs/{job_id}/mask",
        "getMask",
        "jobs",
        "The mask that is painted, after `grow`; there before the painting starts, and never of an "
        "outpainting: its `geometry` says the same",
        {
            200: Reply(
                "The mask.", media_types=("image/png",), headers=("ETag", "Content-Disposition")
            ),
            304: Reply("The caller has it already.", headers=("ETag",)),
        },
        parameters=("job_id", "If-None-Match"),
        errors=[*_JOB_ERRORS, "not_finished", "no_result", "store_unavailable"],
    ),
    Operation(
        "get",
        "/jobs/{job_id}/preview",
        "getPreview",
        "jobs",
        "A small picture of what the job may become, once `progress.preview_url` is there",
        {
            200: Reply(
                "The last preview.",
                media_types=("image/jpeg",),
                headers=("ETag", "Content-Disposition"),
            ),
            304: Reply("The caller has it already.", headers=("ETag",)),
        },
        parameters=("job_id", "If-None-Match"),
        errors=[*_JOB_ERRORS, "not_finished", "no_result", "store_unavailable"],
    ),
    Operation(
        "post",
        "/jobs/{job_id}/cancel",
        "cancelJob",
        "jobs",
        "Cancel a job",
        {
            200: Reply("The job is canceled.", schemas.Job, headers=("ETag",)),
            202: Reply("A worker is stopping it.", schemas.Job, headers=("ETag", "Retry-After")),
        },
        parameters=("job_id",),
        errors=[*_JOB_ERRORS, "already_finished"],
    ),
    Operation(
        "post",
        "/batches",
        "createBatch",
        "batches",
        "Hand in up to 1,000 items under one id",
        {
            202: Reply(
                "The batch is accepted; `counts.refused` tells how many of its items are not.",
                batch_answers.Batch,
                headers=("Location", "Retry-After", "Idempotency-Replayed"),
            )
        },
        description="Each item is accepted or refused by itself, and becomes a job of its own. Its "
        'pictures are base64, parts of a multipart body by `{"part": name}`, uploads or URLs. '
        "Without `Idempotency-Key`, a batch that cannot be handed in whole is taken back; with "
        "one, the same request goes on where it broke off.",
        body="batch",
        parameters=("Idempotency-Key",),
        errors=[
            "malformed_body",
            "length_required",
            "body_too_large",
            "unsupported_media_type",
            "invalid_field",
            "webhook_key_required",
            "idempotency_conflict",
            "not_found",
            "broker_unavailable",
            "store_unavailable",
            "too_many_waiters",
        ],
    ),
    Operation(
        "get",
        "/batches/{batch_id}",
        "getBatch",
        "batches",
        "How a batch stands",
        {200: Reply("The batch.", batch_answers.Batch, headers=("Retry-After",))},
        parameters=("batch_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        "delete",
        "/batches/{batch_id}",
        "deleteBatch",
        "batches",
        "Wipe a batch with all its jobs",
        {204: Reply("They are gone; what was running is canceled.")},
        parameters=("batch_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        "get",
        "/batches/{batch_id}/items",
        "listBatchItems",
        "batches",
        "What became of each item",
        {200: Reply("A page of items.", batch_answers.BatchItems)},
        parameters=("batch_id", "first", "batch_limit"),
        errors=[*_BATCH_ERRORS, "invalid_field"],
    ),
    Operation(
        "post",
        "/batches/{batch_id}/cancel",
        "cancelBatch",
        "batches",
        "Cancel every job of a batch that has not ended",
        {
            200: Reply("All have ended.", batch_answers.Batch),
            202: Reply("Workers are stopping some.", batch_answers.Batch, headers=("Retry-After",)),
        },
        parameters=("batch_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        "get",
        "/batches/{batch_id}/results.zip",
        "getBatchResults",
        "batches",
        "All results of an ended batch, and `manifest.json` with the document of each job",
        {
            200: Reply(
                "A zip, written while it is sent; one that is cut short lacks its directory.",
                media_types=("application/zip",),
                headers=("Content-Disposition",),
            )
        },
        parameters=("batch_id",),
        errors=[*_BATCH_ERRORS, "not_finished", "store_unavailable"],
    ),
    Operation(
        "get",
        "/batches/{batch_id}/deliveries",
        "listBatchDeliveries",
        "batches",
        "What became of a batch's webhook",
        {200: Reply("One event once it has ended, if it was to be told.", schemas.Deliveries)},
        parameters=("batch_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        "post",
        "/batches/{batch_id}/deliveries/redeliver",
        "redeliverBatch",
        "batches",
        "Send a batch's webhook again, under the id it had",
        {202: Reply("It is sent soon, and tried as a new one is.", schemas.Deliveries)},
        parameters=("batch_id", "webhook_id"),
        errors=[*_BATCH_ERRORS, "no_webhook"],
    ),
    Operation(
        "post",
        "/uploads",
        "createUpload",
        "batches",
        "Hand in a picture once, for several requests",
        {201: Reply("It is kept for a day.", batch_answers.UploadAnswer, headers=("Location",))},
        description='Name it where a JSON body has a picture: `{"upload": id}`. Each job gets a '
        "copy of its own.",
        body="upload",
        errors=[
            "malformed_body",
            "length_required",
            "body_too_large",
            "image_too_large",
            "unsupported_media_type",
            "invalid_field",
            "conflicting_fields",
            "image_undecodable",
            "broker_unavailable",
            "store_unavailable",
        ],
    ),
    Operation(
        "get",
        "/uploads/{upload_id}",
        "getUpload",
        "batches",
        "What is known of an upload",
        {200: Reply("The upload.", batch_answers.UploadAnswer)},
        parameters=("upload_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        "delete",
        "/uploads/{upload_id}",
        "deleteUpload",
        "batches",
        "Forget an upload",
        {204: Reply("It is gone; jobs that used it have copies.")},
        parameters=("upload_id",),
        errors=_BATCH_ERRORS,
    ),
    Operation(
        "get",
        "/jobs/{job_id}/deliveries",
        "listDeliveries",
        "jobs",
        "What became of a job's webhooks",
        {200: Reply("Its events so far that were to be told.", schemas.Deliveries)},
        parameters=("job_id",),
        errors=_JOB_ERRORS,
    ),
    Operation(
        "post",
        "/jobs/{job_id}/deliveries/redeliver",
        "redeliver",
        "jobs",
        "Send a webhook again, under the id it had",
        {202: Reply("It is sent soon, and tried as a new one is.", schemas.Deliveries)},
        parameters=("job_id", "webhook_id"),
        errors=[*_JOB_ERRORS, "no_webhook"],
    ),
    Operation(
        "get",
        "/methods",
        "listMethods",
        "catalogue",
        "The methods, and who is online to serve them",
        {200: Reply("The methods.", schemas.MethodList)},
        errors=["broker_unavailable"],
    ),
    Operation(
        "get",
        "/models",
        "listModels",
        "catalogue",
        "The models that are configured",
        {200: Reply("The models.", schemas.ModelList)},
        errors=["broker_unavailable"],
    ),
    Operation(
        "get",
        "/limits",
        "getLimits",
        "catalogue",
        "What a request must stay under",
        {200: Reply("The limits.", schemas.LimitsAnswer)},
        errors=["broker_unavailable"],
    ),
    _open("/errors", "listErrors", "catalogue", "Every error there is", schemas.ErrorTable),
    Operation(
        "get",
        "/errors/{code}",
        "getError",
        "catalogue",
        "What an error means",
        {200: Reply("The error.", schemas.ErrorEntry)},
        parameters=("code",),
        errors=["not_found"],
        needs_key=False,
    ),
    _open(
        "/health/live", "getLiveness", "operations", "Whether this process answers", schemas.Health
    ),
    Operation(
        "get",
        "/health/ready",
        "getReadiness",
        "operations",
        "Whether broker and blob store answer too",
        {200: Reply("They do.", schemas.Health)},
        errors=["broker_unavailable", "store_unavailable"],
        needs_key=False,
    ),
    _open("/version", "getVersion", "operations", "Which version runs", schemas.VersionAnswer),
)
