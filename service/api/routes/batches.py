"""`/batches`: many items under one id."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from flask import Blueprint, Response, request
from werkzeug.exceptions import ClientDisconnected

from service.api.access.auth import get_caller
from service.api.access.limits import charge_items, note_counts
from service.api.context import get_context
from service.api.requests.batch_body import BatchBody
from service.api.requests.batch_items import iter_items
from service.api.routes.clients import watch_client
from service.api.routes.numbers import read_numbers
from service.api.routes.rendering import RETRY_AFTER_SECONDS, choose_media_type, render
from service.api.routes.submitting import build_sources, get_sender
from service.batches.answers import describe_batch, describe_items
from service.batches.batching import BatchOrder, ParsedItem
from service.batches.zipping import stream_results
from service.contract.errors import NotFinished, TooMuchWork
from service.contract.faults import raise_faults
from service.contract.keys import BATCHES
from service.store import BatchRecord
from service.submission.inspection import find_key_faults

_PAGE = {"first": (0, 999_999, 0), "limit": (1, 200, 100)}


def build_blueprint() -> Blueprint:
    """Build the routes of batches."""
    routes = Blueprint("batches", __name__, url_prefix="/batches")
    routes.add_url_rule("", view_func=create_batch, methods=["POST"])
    routes.add_url_rule("/<batch_id>", view_func=get_batch, methods=["GET"])
    routes.add_url_rule("/<batch_id>", view_func=delete_batch, methods=["DELETE"])
    routes.add_url_rule("/<batch_id>/items", view_func=list_items, methods=["GET"])
    routes.add_url_rule("/<batch_id>/cancel", view_func=cancel_batch, methods=["POST"])
    routes.add_url_rule("/<batch_id>/results.zip", view_func=get_results, methods=["GET"])
    return routes


def create_batch() -> Response:
    """Accept many items under one id; each item is accepted or refused individually."""
    context = get_context()
    key = request.headers.get("Idempotency-Key")
    raise_faults(find_key_faults(key))
    context.admission.check()
    body = context.batch_reader.read(request)
    try:
        charge_items(len(body.request.items))
        record, begun = context.batches.submit(_build_order(body, key))
    finally:
        body.parts.close()
    note_counts({BATCHES: begun.stored.batches})
    response = _render(record, 202)
    response.headers["Location"] = f"{context.settings.public_url}/batches/{record.batch_id}"
    if begun.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _build_order(body: BatchBody, key: str | None) -> BatchOrder:
    batch = body.request
    sources = build_sources(get_context().picture_urls.open_budget(), {"part": body.parts.read})
    return BatchOrder(
        items=_bound(iter_items(batch, sources), watch_client()),
        total=len(batch.items),
        ttl_seconds=batch.ttl_seconds,
        tags=batch.tags,
        webhook_url=batch.webhook_url,
        fingerprint=body.fingerprint,
        sender=get_sender(),
        idempotency_key=key,
    )


def _bound(items: Iterable[ParsedItem], is_gone: Callable[[], bool]) -> Iterator[ParsedItem]:
    """Yield items while the client is connected and their checks have not taken too long.

    Raises:
        ClientDisconnected: nobody waits for the answer any more.
        TooMuchWork: this thread has worked for longer than one batch may take.
    """
    limit = get_context().settings.batch_cpu_seconds
    began = time.thread_time()
    for item in items:
        if is_gone():
            raise ClientDisconnected
        if time.thread_time() - began > limit:
            detail = f"checking the items of this batch took longer than {limit:g} s; send fewer "
            detail += "items at once, or send it again with the same Idempotency-Key to continue"
            raise TooMuchWork(detail)
        yield item


def get_batch(batch_id: str) -> Response:
    """Return the state of a batch."""
    return _render(_load(batch_id))


def list_items(batch_id: str) -> Response:
    """Return the state of each item, a page at a time."""
    page = read_numbers(request.args, _PAGE)
    first, limit, context = page["first"], page["limit"], get_context()
    record, items = context.store.batches.load(
        batch_id, get_caller().tenant, first=first, limit=limit
    )
    base_url = context.settings.public_url
    following = None
    if first + limit < record.total:
        following = f"{base_url}/batches/{batch_id}/items?first={first + limit}&limit={limit}"
    return render(describe_items(items, following, base_url))


def cancel_batch(batch_id: str) -> Response:
    """Cancel every unfinished job of a batch."""
    record = get_context().batches.cancel(batch_id, get_caller().tenant)
    return _render(record, 200 if record.state == "ended" else 202)


def delete_batch(batch_id: str) -> Response:
    """Delete a batch with all its jobs."""
    get_context().batches.delete(batch_id, get_caller().tenant)
    return Response(status=204)


def get_results(batch_id: str) -> Response:
    """Send all results as one zip."""
    record, context, tenant = _load(batch_id), get_context(), get_caller().tenant
    if record.state != "ended":
        raise NotFinished("the batch has not ended yet", retry_after_seconds=RETRY_AFTER_SECONDS)
    items = context.batches.items(batch_id, tenant)
    pieces = stream_results(items, tenant, context.store, context.blobs)
    response = Response(pieces, mimetype=choose_media_type("application/zip"))
    response.headers["Content-Disposition"] = f'attachment; filename="{batch_id}.zip"'
    return response


def _load(batch_id: str) -> BatchRecord:
    return get_context().batches.load(batch_id, get_caller().tenant)


def _render(record: BatchRecord, status: int = 200) -> Response:
    response = render(describe_batch(record, get_context().settings.public_url), status)
    if record.state != "ended":
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
