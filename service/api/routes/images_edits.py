"""`POST /v1/images/edits` and `GET /v1/models`, as clients of OpenAI's API use them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from flask import Blueprint, Response, after_this_request, request

from service.api.access import limits
from service.api.access.doors import find_base_url
from service.api.context import get_context
from service.api.openai.answers import (
    NO_RETRY,
    EditedImage,
    EditsAnswer,
    list_models,
    measure_base64,
    stream_base64,
    translate_problem,
)
from service.api.openai.form import MAX_SECONDS, Edits, EditsForm, read_edits
from service.api.routes.clients import admit, follow
from service.api.routes.pictures import hand_out
from service.api.routes.rendering import JSON, render
from service.api.routes.submitting import get_sender
from service.contract.errors import (
    Fault,
    NoResult,
    NotFinished,
    PaintjobError,
    get_error_class,
)
from service.contract.faults import fault_of
from service.contract.jobs import JobRecord, JobStatus, Output
from service.documents import problems
from service.documents.schemas import Problem
from service.pictures.headers import read_header
from service.submission.intake import Intake
from service.submission.request import JobRequest, ParsedBody, build_request
from service.waiting.waiting import wait_for

PREFIX = "/v1"
PICTURES = ("image", "mask")
RENAMED = {"image[]": "image"}
"""The name of the image in clients that can send several."""

GRACE_SECONDS = 5
"""Extra time for the reaper to fail a job whose time is over."""

WARNINGS_HEADER = "X-Paintjob-Warnings"


def build_blueprint() -> Blueprint:
    """Build the routes of the façade; all their errors have OpenAI's format."""
    routes = Blueprint("images_edits", __name__, url_prefix=PREFIX)
    routes.add_url_rule("/images/edits", view_func=create_edits, methods=["POST"])
    routes.add_url_rule("/models", view_func=list_facade_models, methods=["GET"])
    # For the whole app: a path that does not exist belongs to no blueprint.
    routes.after_app_request(_translate)
    return routes


def list_facade_models() -> Response:
    """Return the values of `model`."""
    return render(list_models(get_context().catalogue))


def create_edits() -> Response:
    """Repaint the transparent part of the mask, or of the image, and return the result.

    Raises:
        PaintjobError: the request is refused, or its job did not succeed.
    """
    context = get_context()
    # Before anything is stored: a client that gets no slot can simply retry.
    with admit() as waiter:
        with context.submitter.open_intake() as intake:
            edits = _read(intake)
            accepted = context.submitter.submit(_build_request(edits, intake))
        limits.note_usage(accepted.usage)
        job_id = accepted.view.record.job_id
        view = wait_for(waiter, follow(job_id), MAX_SECONDS + GRACE_SECONDS)
    _name_job(job_id)
    check_succeeded(view.record)
    if edits.form is None:
        raise ValueError("a request that was accepted has a form")
    response = _render(edits.form, view.record)
    warnings = [*edits.warnings, *(each.code for each in view.record.warnings)]
    if warnings:
        response.headers[WARNINGS_HEADER] = ", ".join(dict.fromkeys(warnings))
    return response


def _name_job(job_id: str) -> None:
    """Add the job's id and URL to the response, also to an error's: the job has the details."""
    location = f"{get_context().settings.public_url}/jobs/{job_id}"

    @after_this_request
    def add_headers(response: Response) -> Response:
        response.headers.update({"X-Job-ID": job_id, "Location": location})
        return response


def check_succeeded(record: JobRecord) -> None:
    """Check that a job has pictures, and raise if not.

    Raises:
        PaintjobError: the error that ended the job, or `NotFinished`.
    """
    if record.error is not None:
        raise get_error_class(record.error.code)(record.error.detail)
    if not record.status.is_terminal:
        raise NotFinished("the server is stopping; the job continues at the URL in Location")
    if record.status is not JobStatus.SUCCEEDED:
        raise NoResult(f"the job was {record.status.value} and has no result")


def _read(intake: Intake) -> Edits:
    context = get_context()
    fields = context.reader.read_form(request, intake, PICTURES, RENAMED)
    has_mask = "mask" in intake.pictures
    edits = read_edits(fields, context.catalogue, has_mask=has_mask)
    found = [*edits.faults]
    if "image" not in intake.pictures:
        found.append(Fault("/image", "invalid_field", "is required"))
    elif edits.form is not None:
        found += _find_size_faults(edits.form, intake)
    found += _find_url_faults(edits.form)
    if has_mask:
        found += _redraw_mask(intake)
    return Edits(edits.form, edits.params, tuple(found), edits.warnings)


def _redraw_mask(intake: Intake) -> list[Fault]:
    """Convert the alpha mask to a luminance mask (transparent becomes white)."""
    try:
        get_context().submitter.redraw_mask(intake)
    except PaintjobError as error:
        if error.retryable:
            raise
        return [fault_of("/mask", error)]
    return []


def _find_url_faults(form: EditsForm | None) -> list[Fault]:
    if form is None or form.response_format != "url" or find_base_url() is not None:
        return []
    message = "must be b64_json here: the operator has not set PAINTJOB_PUBLIC_URL"
    return [Fault("/response_format", "parameter_not_supported", message, ("b64_json",))]


def _find_size_faults(form: EditsForm, intake: Intake) -> list[Fault]:
    if form.size in (None, "auto"):
        return []
    try:
        with intake.pictures["image"].open() as file:
            header = read_header(file)
    except PaintjobError:
        return []  # the check of the picture reports it
    is_turned = header.orientation >= 5
    size = (header.height, header.width) if is_turned else (header.width, header.height)
    own = "{}x{}".format(*size)
    if form.size == own:
        return []
    message = f"must be auto or the size of the image, {own}: results are never scaled"
    return [Fault("/size", "parameter_not_supported", message, ("auto", own))]


def _build_request(edits: Edits, intake: Intake) -> JobRequest:
    body = ParsedBody("inpaint", edits.params, edits.faults)
    return build_request(body, intake, get_sender(), request.headers.get("Idempotency-Key"))


def _render(form: EditsForm, record: JobRecord) -> Response:
    first, ended = record.outputs[0], record.finished_at
    answer = EditsAnswer(
        created=0 if ended is None else int(ended.timestamp()),
        output_format=first.format,
        quality=form.quality,
        size=f"{first.width}x{first.height}",
    )
    if form.response_format == "url":
        urls = tuple(EditedImage(url=_url_of(record.job_id, each)) for each in record.outputs)
        return render(answer.model_copy(update={"data": urls}))
    openers = [_opener(output) for output in record.outputs]
    response = Response(stream_base64(answer, openers), mimetype=JSON)
    sizes = [output.bytes for output in record.outputs]
    response.headers["Content-Length"] = str(measure_base64(answer, sizes))
    return hand_out(response, record)


def _opener(output: Output) -> Callable[[], Iterator[bytes]]:
    return partial(get_context().blobs.stream, output.path, 0, None)


def _url_of(job_id: str, output: Output) -> str:
    """Return an absolute URL, because OpenAI's clients pass it on to other programs."""
    return f"{find_base_url()}/jobs/{job_id}/results/{output.index}"


def _translate(response: Response) -> Response:
    """Convert a problem document to OpenAI's format, and add whether to retry."""
    is_theirs = request.path.startswith(PREFIX + "/")
    if not is_theirs or response.mimetype != problems.MEDIA_TYPE:
        return response
    problem = Problem.model_validate_json(response.get_data())
    document, response.status_code = translate_problem(problem)
    response.set_data(document.model_dump_json())
    response.mimetype = JSON
    response.headers[NO_RETRY] = "true" if problem.retryable else "false"
    return response
