"""Example of each error, by code, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.contract.errors import get_error_class
from service.documents.problems import HTTP_ONLY, STATUS
from service.documents.schemas import Problem, ProblemFault

PROBLEMS: Mapping[str, tuple[str, str | None, tuple[str, ...] | None]] = {
    "malformed_body": ("the multipart body ends before its last boundary", None, None),
    "length_required": ("send Content-Length", None, None),
    "body_too_large": ("the body is larger than 70000000 bytes", None, None),
    "image_too_large": (
        "the picture has more than 16000000 pixels; send a smaller one",
        "/image",
        None,
    ),
    "unsupported_media_type": (
        "the picture must be a PNG, JPEG or WebP by its content",
        "/image",
        ("png", "jpeg", "webp"),
    ),
    "unauthorized": ("send an API key: Authorization: Bearer pj_…", None, None),
    "forbidden": ("the API key lacks the scope jobs:write", None, None),
    "not_acceptable": (
        "this call responds with application/json; accept that media type",
        None,
        None,
    ),
    "not_found": ("there is no such job", None, None),
    "job_expired": ("the job and its pictures were deleted", None, None),
    "not_finished": ("the job has not ended yet", None, None),
    "no_result": ("the job has no result: its status is failed", None, None),
    "already_finished": (
        "the job has succeeded or failed and cannot be canceled",
        None,
        None,
    ),
    "no_webhook": ("there is no webhook with this id", None, None),
    "range_not_satisfiable": ("see Content-Range", None, None),
    "invalid_field": ("Input should be greater than or equal to 0", "/seed", None),
    "unknown_field": ("there is no such field", "/promt", None),
    "conflicting_fields": ("send only one set: margins or zoom_out", "/zoom_out", None),
    "image_undecodable": ("the PNG is cut short", "/image", None),
    "image_not_served": ("the host answered 404", "/image", None),
    "image_unreachable": ("the host did not send the picture in time", "/image", None),
    "mask_undecodable": ("the mask is broken or cut short", "/mask", None),
    "mask_size_mismatch": ("the mask is 640x480, the picture 480x640", "/mask", None),
    "mask_empty": (
        "no pixel of the mask is to be repainted (white repaints, from 128 on)",
        "/mask",
        None,
    ),
    "mask_full": (
        "every pixel of the mask is to be repainted (white repaints, from 128 on)",
        "/mask",
        None,
    ),
    "no_change": ("the canvas would be the picture itself", "/zoom_out", None),
    "method_unavailable": (
        "Input should be 'auto', 'patch' or 'generate'",
        "/method",
        ("auto", "patch", "generate"),
    ),
    "model_unavailable": ("no such model is configured", "/model", ("self",)),
    "model_required": (
        "a prompt needs a model, and none is the default; add one with "
        "`paintjob models pull NAME --default`",
        "/prompt",
        None,
    ),
    "parameter_not_supported": ("patch does not support prompt", "/prompt", None),
    "licence_refused": (
        "the license of this model forbids commercial use, which this deployment refuses",
        "/model",
        None,
    ),
    "webhook_key_required": (
        "cannot be signed: ask the operator to make a webhook key for your tenant",
        "/webhook_url",
        None,
    ),
    "idempotency_conflict": (
        "this Idempotency-Key was used with another request; use a new key",
        None,
        None,
    ),
    "rate_limited": ("too many requests; wait for the seconds in Retry-After", None, None),
    "too_many_jobs": ("1000 of your jobs are unfinished; wait until some have ended", None, None),
    "queue_full": ("the queue is full; retry later", None, None),
    "no_worker": (
        "no worker of this method was online for 900 seconds; retry later",
        None,
        None,
    ),
    "broker_unavailable": ("the broker does not answer", None, None),
    "broker_full": ("the broker's memory is nearly full; retry later", None, None),
    "store_unavailable": ("the blob store does not answer, or is full", None, None),
    "too_many_waiters": ("all wait slots are in use; retry, or poll the job", None, None),
    "worker_lost": ("the worker died each of the 3 times it painted this job", None, None),
    "requeued_too_often": ("the job was requeued too often; send it again", None, None),
    "hung": ("the painting made no progress and was stopped", None, None),
    "deadline_exceeded": ("the job did not finish before its deadline", None, None),
    "out_of_memory": ("the worker ran out of memory on this job", None, None),
    "gpu_out_of_memory": ("the accelerator ran out of memory on this job", None, None),
    "model_output_invalid": ("the model gave a picture of another size", None, None),
    "input_lost": ("an input differs from what was accepted", None, None),
    "prompt_refused": ("the operator's check refused the prompt", None, None),
    "input_refused": ("the operator's check refused the picture", None, None),
    "output_refused": ("the operator's check refused what was painted", None, None),
    "kept_pixels_changed": ("a kept pixel would have come back changed", None, None),
    "signing_failed": ("the result could not be signed", None, None),
    "internal": ("an unexpected error occurred; report it with the request id", None, None),
}
"""By code: the detail, the field or header at fault, and the accepted values. A test requires a row
for every code in the document."""

HTTP_CODES = {code: (status, title) for status, (code, title, _) in HTTP_ONLY.items()}


def status_of(code: str) -> int:
    """Return the HTTP status of an error."""
    return HTTP_CODES[code][0] if code in HTTP_CODES else STATUS[get_error_class(code)]


def build_problem_example(code: str) -> dict[str, Any]:
    """Build the problem document of an error as a caller may receive it.

    Raises:
        KeyError: there is no example for the code.
    """
    detail, pointer, allowed = PROBLEMS[code]
    known = None if code in HTTP_CODES else get_error_class(code)
    faults = []
    if pointer is not None:
        listed = list(allowed) if allowed is not None else None
        faults.append(ProblemFault(pointer=pointer, code=code, message=detail, allowed=listed))
    return Problem(
        type=f"/errors/{code}",
        title=known.title if known else HTTP_CODES[code][1],
        status=status_of(code),
        detail=detail,
        code=code,
        retryable=known.retryable if known else False,
        request_id="5f1c0e5a3b",
        errors=faults,
    ).model_dump()
