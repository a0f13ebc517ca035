"""Example of each error, by code, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.contract.errors import get_error_class
from service.documents.problems import HTTP_ONLY, STATUS
from service.documents.schemas import Problem, ProblemFault

PROBLEMS: Mapping[str, str] = {
    "malformed_body": "the multipart body ends before its last boundary",
    "length_required": "send the body with Content-Length, or chunked",
    "body_too_large": "the body is larger than 70000000 bytes",
    "image_too_large": "the picture has more than 16000000 pixels; send a smaller one",
    "unsupported_media_type": "the picture must be a PNG, JPEG, WebP, AVIF, HEIC or TIFF by its "
    "content",
    "unauthorized": "send an API key: Authorization: Bearer pj_…",
    "misdirected_request": "without API keys only this machine's own names, such as localhost, and "
    "the host in PAINTJOB_PUBLIC_URL are accepted in Host",
    "forbidden": "the API key lacks the scope jobs:write",
    "method_not_allowed": "this path takes GET and POST only",
    "not_acceptable": "this call responds with application/json; accept that media type",
    "not_found": "there is no such job",
    "job_expired": "the job and its pictures were deleted",
    "not_finished": "the job has not ended yet",
    "no_result": "the job has no result: its status is failed",
    "already_finished": "the job has succeeded or failed and cannot be canceled",
    "no_webhook": "there is no webhook with this id",
    "range_not_satisfiable": "see Content-Range",
    "invalid_field": "must be greater than or equal to 0",
    "unknown_field": "does not exist; did you mean prompt?",
    "conflicting_fields": "send only one set: margins or zoom_out",
    "image_undecodable": "the PNG is cut short",
    "image_not_served": "the host answered 404",
    "image_unreachable": "the host did not send the picture in time",
    "mask_undecodable": "the mask is broken or cut short",
    "mask_size_mismatch": "the mask is 640x480, the picture 480x640",
    "mask_empty": "no pixel of the mask is to be repainted (white_repaints, white from "
    "luminance 128)",
    "mask_full": "every pixel of the mask is to be repainted (white_repaints, white from "
    "luminance 128)",
    "nothing_found": "nothing was found for /regions/0 (text); lower its min_score, or send "
    "if_nothing: keep",
    "no_change": "the canvas would be the picture itself",
    "method_unavailable": "must be 'auto', 'patch' or 'generate'",
    "model_unavailable": "no such model is configured",
    "model_required": "a prompt needs a model, and none is the default; add one with "
    "`paintjob models pull NAME --default`",
    "parameter_not_supported": "patch does not support prompt",
    "licence_refused": "the license of this model forbids commercial use, which this "
    "deployment refuses",
    "webhook_key_required": "cannot be signed: ask the operator to make a webhook key for your "
    "tenant",
    "idempotency_conflict": "this Idempotency-Key was used with another request; use a new key",
    "rate_limited": "too many requests; wait for the seconds in Retry-After",
    "too_many_jobs": "1000 of your jobs are unfinished; wait until some have ended",
    "too_much_stored": "your tenant has reached its limit of stored batches; delete some, or wait "
    "until some expire",
    "queue_full": "the queue is full; retry later",
    "no_worker": "no worker of this method was online for 900 seconds; retry later",
    "broker_unavailable": "the broker does not answer",
    "broker_full": "the broker's memory is nearly full; retry later",
    "store_unavailable": "the blob store does not answer, or is full",
    "too_many_waiters": "all wait slots are in use; retry, or poll the job",
    "job_too_new": "a later release accepted this job, and this process cannot read it; retry, or "
    "upgrade the API",
    "shutting_down": "this process of the API stops; another one takes requests",
    "too_much_work": "checking the items of this batch took longer than 20 s; send fewer at once",
    "worker_lost": "the worker died each of the 3 times it painted this job",
    "requeued_too_often": "the job was requeued too often; send it again",
    "hung": "the painting made no progress and was stopped",
    "deadline_exceeded": "the job did not finish before its deadline",
    "out_of_memory": "the worker ran out of memory on this job",
    "gpu_out_of_memory": "the accelerator ran out of memory on this job",
    "model_output_invalid": "the model gave a picture of another size",
    "input_lost": "an input differs from what was accepted",
    "prompt_refused": "the operator's check refused the prompt",
    "input_refused": "the operator's check refused the picture",
    "output_refused": "the operator's check refused what was painted",
    "kept_pixels_changed": "a kept pixel would have come back changed",
    "signing_failed": "the result could not be signed",
    "internal": "an unexpected error occurred; report it with the request id",
}
"""Example details, by code; a test requires one for every code in the document."""

FIELDS: Mapping[str, tuple[str, tuple[str, ...] | None]] = {
    "image_too_large": ("/image", None),
    "unsupported_media_type": ("/image", ("png", "jpeg", "webp")),
    "invalid_field": ("/seed", None),
    "unknown_field": ("/promt", None),
    "conflicting_fields": ("/zoom_out", None),
    "image_undecodable": ("/image", None),
    "image_not_served": ("/image", None),
    "image_unreachable": ("/image", None),
    "mask_undecodable": ("/mask", None),
    "mask_size_mismatch": ("/mask", None),
    "mask_empty": ("/mask", None),
    "mask_full": ("/mask", None),
    "no_change": ("/zoom_out", None),
    "method_unavailable": ("/method", ("auto", "patch", "generate")),
    "model_unavailable": ("/model", ("self",)),
    "model_required": ("/prompt", None),
    "parameter_not_supported": ("/prompt", None),
    "licence_refused": ("/model", None),
    "webhook_key_required": ("/webhook_url", None),
}
"""The field or header at fault, and the accepted values, of the codes that have one."""

HTTP_CODES = {code: (status, title) for status, (code, title, _) in HTTP_ONLY.items()}


def status_of(code: str) -> int:
    """Return the HTTP status of an error."""
    return HTTP_CODES[code][0] if code in HTTP_CODES else STATUS[get_error_class(code)]


def build_problem_example(code: str) -> dict[str, Any]:
    """Build the problem document of an error as a caller may receive it.

    Raises:
        KeyError: there is no example for the code.
    """
    detail = PROBLEMS[code]
    pointer, allowed = FIELDS.get(code, (None, None))
    known = None if code in HTTP_CODES else get_error_class(code)
    faults = []
    if pointer is not None:
        listed = list(allowed) if allowed is not None else None
        faults.append(ProblemFault(pointer=pointer, code=code, message=detail, allowed=listed))
    return Problem(
        type=f"/errors/{code}",
        title=known.title if known else HTTP_CODES[code][1],
        status=status_of(code),
        detail=detail if pointer is None else f"{pointer}: {detail}",
        code=code,
        retryable=known.retryable if known else False,
        request_id="5f1c0e5a3b",
        errors=faults,
    ).model_dump()
