"""Pictures from the blob store, whole or by range."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import cast

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from service.api.context import get_context
from service.api.routes.clients import watch_delivery
from service.api.routes.rendering import choose_media_type, is_known, not_modified
from service.contract.errors import JobExpired
from service.contract.formats import EXTENSIONS, MEDIA_TYPES
from service.contract.jobs import JobRecord, Output, ResizedOutput
from service.store.wiping import wipe_after, wipe_job


def send_output(job_id: str, output: Output | ResizedOutput, name: str) -> Response:
    """Send a result or its resized copy; its ETag is the SHA-256 of its bytes.

    Args:
        job_id: the job.
        output: the file.
        name: of the file, after the job's id and without its suffix.
    """
    name = f"{job_id}-{name}.{EXTENSIONS[output.format]}"
    response = _head(MEDIA_TYPES[output.format], output.sha256, name)
    response.headers["Accept-Ranges"] = "bytes"
    if is_known(response):
        return not_modified(response)
    start, end = _find_range(output.bytes, output.sha256) or (0, output.bytes)
    if (start, end) != (0, output.bytes) or _asks_range(output.sha256):
        response.status_code = 206
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{output.bytes}"
    if request.method != "HEAD":
        whole = (start, end) == (0, output.bytes)
        response.response = _stream(output.path, start, None if whole else end)
    response.headers["Content-Length"] = str(end - start)
    return response


def redirect_to_output(output: Output | ResizedOutput) -> Response | None:
    """Return a redirect to a result in the object store; None where the store makes no URLs.

    Anyone who has the URL may read the result for a while, also after the job was deleted from the
    caller's view until its blobs are.
    """
    context = get_context()
    url = context.blobs.sign(request.method, output.path, context.settings.signed_url_seconds)
    if url is None:
        return None
    response = Response(status=307)
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"
    return response


def send_painted(job_id: str, output: Output) -> Response:
    """Send a result as the response to its submission; always whole, without ranges.

    Where a size was asked for, the resized copy is sent.
    """
    file = output.answer
    name = f"{job_id}-{output.index}.{EXTENSIONS[file.format]}"
    response = _head(MEDIA_TYPES[file.format], file.sha256, name)
    response.response = _stream(file.path, 0, None)
    response.headers["Content-Length"] = str(file.bytes)
    response.headers["X-Seed"] = str(output.seed)
    return response


def hand_out(response: Response, record: JobRecord) -> Response:
    """Delete a job with `no_store` once its result has been sent completely."""
    keep_from_caches(response, record)
    if not record.spec.params.no_store:
        return response
    if response.status_code == 200 and request.method != "HEAD":
        context, job_id, tenant = get_context(), record.job_id, record.spec.tenant
        response.response = wipe_after(
            # Results are sent in pieces: `send_output` sets an iterator of bytes.
            cast(Iterable[bytes], response.response),
            response.content_length or 0,
            lambda: wipe_job(context.store, context.blobs, job_id, tenant),
            watch_delivery(context.settings.client_silence_seconds),
        )
    return response


def keep_from_caches(response: Response, record: JobRecord) -> Response:
    """Forbid to store a picture of a job with `no_store`."""
    if record.spec.params.no_store:
        response.headers["Cache-Control"] = "no-store"
    return response


def send_mask(job_id: str, path: str) -> Response:
    """Send an effective mask; every claim writes its own path, so the path identifies the mask."""
    etag = blake2b(path.encode(), digest_size=16).hexdigest()
    response = _head("image/png", etag, f"{job_id}-mask.png")
    if is_known(response):
        return not_modified(response)
    response.set_data(b"".join(_stream(path, 0, None)))
    return response


def send_preview(job_id: str, path: str) -> Response:
    """Send a preview; later ones may reuse the path, so its bytes identify it."""
    data = b"".join(_stream(path, 0, None))
    etag = blake2b(data, digest_size=16).hexdigest()
    response = _head("image/jpeg", etag, f"{job_id}-preview.jpg")
    if is_known(response):
        return not_modified(response)
    response.set_data(data)
    return response


def _head(media_type: str, etag: str, file_name: str) -> Response:
    response = Response(mimetype=choose_media_type(media_type))
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Content-Disposition"] = f'inline; filename="{file_name}"'
    return response


def _stream(path: str, start: int, end: int | None) -> Iterator[bytes]:
    try:
        return get_context().blobs.stream(path, start, end)
    except FileNotFoundError:
        # The record was read a moment ago, so the job is being deleted right now.
        raise JobExpired("the job is being deleted") from None


def _asks_range(etag: str) -> bool:
    """Return whether exactly one range of bytes is requested, of exactly this content."""
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return False
    condition = request.if_range
    # Weak validators must not match here, and the parser drops their mark.
    is_weak = request.headers.get("If-Range", "").lstrip().startswith("W/")
    return not is_weak and condition.date is None and condition.etag in (None, etag)


def _find_range(size: int, etag: str) -> tuple[int, int] | None:
    """Return the requested half-open range; None for the whole, also if several are requested.

    Raises:
        RequestedRangeNotSatisfiable: it is outside of the content.

    Source: RFC 9110, section 14.
    """
    if not _asks_range(etag) or request.range is None:
        return None
    first, last = request.range.ranges[0]
    if last is None and -first > size:
        return 0, size  # a suffix longer than the picture is the whole picture
    found = request.range.range_for_length(size)
    if found is None:
        raise RequestedRangeNotSatisfiable(length=size)
    start, end = found
    return start, end if end is not None else size
