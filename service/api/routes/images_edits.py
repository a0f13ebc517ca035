"""`POST /v1/images/edits` and `GET /v1/models`, as clients of OpenAI's API use them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

from flask import Blueprint, Response, after_this_request, g, request

from service.api.access import limits
from service.api.access.doors import find_base_url
from service.api.context import get_context
from service.api.openai.answers import (
    NO_RETRY,
    EditedImage,
    EditsAnswer,
    FacadeModels,
    FacadeProblem,
    list_models,
    measure_base64,
    stream_base64,
    translate_problem,
)
from service.api.openai.form import AUTO, MAX_SECONDS, Edits, EditsForm, read_edits
from service.api.openai.pictures import IMAGE_POINTERS, find_mask, read_fields
from service.api.openai.streaming import EditsStream, Ending
from service.api.routes.clients import admit, follow, watch_delivery
from service.api.routes.pictures import hand_out
from service.api.routes.rendering import JSON, render
from service.api.routes.submitting import build_sources, get_sender
from service.contract.errors import (
    BrokerUnavailable,
    Fault,
    InvalidField,
    MissingResource,
    NoResult,
    NotFinished,
    NotFound,
    PaintjobError,
    get_error_class,
)
from service.contract.faults import fault_of
from service.contract.jobs import JobRecord, JobStatus, JobWarning, Output, ResizedOutput
from service.documents import problems
from service.documents.schemas import Problem
from service.pictures.headers import read_header
from service.store.wiping import wipe_job
from service.submission.intake import Intake, PictureUpload
from service.submission.request import JobRequest, ParsedBody, build_request
from service.waiting.feed import MEDIA_TYPE as EVENT_STREAM
from service.waiting.streams import Waiter
from service.waiting.waiting import wait_for

PREFIX = "/v1"
GRACE_SECONDS = 5
"""Extra time for the reaper to fail a job whose time is over."""

WARNINGS_HEADER = "X-Paintjob-Warnings"


def build_blueprint() -> Blueprint:
    """Build the routes of the façade; all their errors have OpenAI's format."""
    routes = Blueprint("images_edits", __name__, url_prefix=PREFIX)
    routes.add_url_rule("/images/edits", view_func=create_edits, methods=["POST"])
    routes.add_url_rule("/models/<model_id>", view_func=get_facade_model, methods=["GET"])
    routes.add_url_rule("/models", view_func=list_facade_models, methods=["GET"])
    # For the whole app: a path that does not exist belongs to no blueprint.
    routes.after_app_request(_translate)
    return routes


def list_facade_models() -> Response:
    """Return the values of `model`."""
    return render(_list_models())


def get_facade_model(model_id: str) -> Response:
    """Return a value of `model`.

    Raises:
        NotFound: there is no such value.
    """
    for model in _list_models().data:
        if model.id == model_id:
            return render(model)
    raise NotFound("there is no such model; GET /v1/models lists them")


def _list_models() -> FacadeModels:
    context = get_context()
    return list_models(context.catalogue, context.settings.openai_aliases)


def create_edits() -> Response:
    """Repaint the transparent part of the mask, or of the image, and return the result.

    Raises:
        PaintjobError: the request is refused, or its job did not succeed.
    """
    # Before anything is stored: a client that gets no slot can simply retry.
    waiter = admit()
    try:
        edits, record = _submit()
        if edits.form is None:
            raise ValueError("a request that was accepted has a form")
        _name_job(record.job_id, [*edits.warnings, *_codes(record.spec.warnings)])
        if edits.form.stream:
            return _stream(edits.form, waiter, record.job_id)
        view = wait_for(waiter, follow(record.job_id), MAX_SECONDS + GRACE_SECONDS)
    except BaseException:
        waiter.close()
        raise
    waiter.close()
    check_succeeded(view.record)
    _name_job(
        record.job_id,
        [*edits.warnings, *_codes(view.record.spec.warnings), *_codes(view.record.warnings)],
    )
    return _render(edits.form, view.record)


def _submit() -> tuple[Edits, JobRecord]:
    submitter = get_context().submitter
    with submitter.open_intake() as intake:
        edits = _read(intake)
        accepted = submitter.submit(_build_request(edits, intake))
    limits.note_usage(accepted.usage)
    return edits, accepted.view.record


def _stream(form: EditsForm, waiter: Waiter, job_id: str) -> Response:
    ending = Ending(check_succeeded, _describe_error(), _wiper())
    seconds = MAX_SECONDS + GRACE_SECONDS
    events = EditsStream(waiter, follow(job_id), form, get_context().blobs, ending, seconds)
    events.open()
    response = Response(events.stream(), mimetype=EVENT_STREAM)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(waiter.close)
    return response


def _describe_error() -> Callable[[PaintjobError], FacadeProblem]:
    """Return a function that works after the view has returned."""
    request_id, base_url = g.request_id, get_context().settings.public_url

    def describe(error: PaintjobError) -> FacadeProblem:
        return translate_problem(problems.build_problem(error, request_id, base_url))[0]

    return describe


def _wiper() -> Callable[[JobRecord], None]:
    """Return a function that deletes a job with `no_store`, after the view has returned."""
    context = get_context()
    has_arrived = watch_delivery(context.settings.client_silence_seconds)

    def wipe(record: JobRecord) -> None:
        if record.spec.params.no_store and has_arrived():
            with suppress(MissingResource, BrokerUnavailable):
                wipe_job(context.store, context.blobs, record.job_id, record.spec.tenant)

    return wipe


def _codes(warnings: Iterable[JobWarning]) -> list[str]:
    return [warning.code for warning in warnings]


def _name_job(job_id: str, warnings: Iterable[str]) -> None:
    """Add the job's id, URL and warnings to the response, also to an error's."""
    location = f"{get_context().settings.public_url}/jobs/{job_id}"
    codes = ", ".join(dict.fromkeys(warnings))

    @after_this_request
    def add_headers(response: Response) -> Response:
        response.headers.update({"X-Job-ID": job_id, "Location": location})
        if codes:
            response.headers[WARNINGS_HEADER] = codes
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
    sources = build_sources(context.picture_urls.read)
    fields = read_fields(request, context.reader, intake, sources)
    found = [*fields.faults]
    mask = find_mask(intake, found)
    aliases = context.settings.openai_aliases
    edits = read_edits(replace(fields, faults=tuple(found)), context.catalogue, aliases, mask)
    found = [*edits.faults]
    if "image" not in intake.pictures and not IMAGE_POINTERS & {fault.pointer for fault in found}:
        found.append(Fault("/image", "invalid_field", "is required"))
    found += _find_background_faults(edits.form, intake)
    found += _find_url_faults(edits.form)
    if mask == "clear" and "mask" in intake.pictures:
        found += _redraw_mask(intake)
    return Edits(edits.form, edits.params, tuple(found), edits.warnings)


def _redraw_mask(intake: Intake) -> list[Fault]:
    """Convert the alpha mask to a luminance mask (transparent becomes white)."""
    sent = intake.pictures["mask"]
    try:
        get_context().submitter.redraw_mask(intake)
    except PaintjobError as error:
        if error.retryable:
            raise
        if isinstance(error, InvalidField) and _is_opaque(sent):
            message = (
                "has no transparency; make it fully transparent where to paint, or send it as "
                "mask_image, which is repainted where it is white"
            )
            return [Fault("/mask", error.code, message)]
        return [fault_of("/mask", error)]
    return []


def _find_url_faults(form: EditsForm | None) -> list[Fault]:
    if form is None or form.response_format != "url" or find_base_url() is not None:
        return []
    message = "must be b64_json here: the operator has not set PAINTJOB_PUBLIC_URL"
    return [Fault("/response_format", "parameter_not_supported", message, ("b64_json",))]


def _find_background_faults(form: EditsForm | None, intake: Intake) -> list[Fault]:
    """Return a fault if an opaque result is asked for, and transparency may be kept."""
    if form is None or form.background != "opaque" or "image" not in intake.pictures:
        return []
    if form.output_format == "jpeg" or _is_opaque(intake.pictures["image"]) is not False:
        return []
    message = (
        "must be auto here: the image has transparency, and what is kept of it is not changed; "
        "output_format=jpeg lays it on white"
    )
    return [Fault("/background", "parameter_not_supported", message, (AUTO,))]


def _is_opaque(picture: PictureUpload) -> bool | None:
    """Return whether a picture has no transparency; `None` if its header cannot be read."""
    try:
        with picture.open() as file:
            header = read_header(file)
    except PaintjobError:
        return None  # the check of the picture reports it
    return not header.mode.endswith("A") and header.transparency is None


def _build_request(edits: Edits, intake: Intake) -> JobRequest:
    body = ParsedBody("inpaint", edits.params, edits.faults)
    return build_request(body, intake, get_sender(), request.headers.get("Idempotency-Key"))


def _render(form: EditsForm, record: JobRecord) -> Response:
    first, ended = record.outputs[0].answer, record.finished_at
    answer = EditsAnswer(
        created=0 if ended is None else int(ended.timestamp()),
        background=form.background,
        output_format=first.format,
        quality=form.quality,
        size=f"{first.width}x{first.height}",
    )
    if form.response_format == "url":
        urls = tuple(EditedImage(url=_url_of(record.job_id, each)) for each in record.outputs)
        return render(answer.model_copy(update={"data": urls}))
    files = [output.answer for output in record.outputs]
    response = Response(stream_base64(answer, [_opener(file) for file in files]), mimetype=JSON)
    response.headers["Content-Length"] = str(measure_base64(answer, [file.bytes for file in files]))
    return hand_out(response, record)


def _opener(file: Output | ResizedOutput) -> Callable[[], Iterator[bytes]]:
    return partial(get_context().blobs.stream, file.path, 0, None)


def _url_of(job_id: str, output: Output) -> str:
    """Return an absolute URL, because OpenAI's clients pass it on to other programs."""
    url = f"{find_base_url()}/jobs/{job_id}/results/{output.index}"
    return f"{url}/resized" if output.resized else url


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
