"""`/batches`: many items under one id."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import ClientDisconnected

from service.api.access.auth import get_caller, watch_key
from service.api.access.limits import charge_items, note_counts
from service.api.context import get_context
from service.api.requests.batch_body import BatchBody
from service.api.requests.batch_items import iter_items
from service.api.routes.clients import admit, check_accepts, read_preferences, watch_client
from service.api.routes.events import answer_token, begin_events, refuse_query
from service.api.routes.numbers import read_numbers
from service.api.routes.rendering import (
    JSON,
    RETRY_AFTER_SECONDS,
    add_applied,
    choose_media_type,
    is_known,
    not_modified,
    render,
)
from service.api.routes.submitting import build_sources, get_sender, read_dry_run
from service.batches.answers import (
    describe_batch,
    describe_batch_event,
    describe_batch_plan,
    describe_items,
    describe_page,
)
from service.batches.batching import BatchOrder, ParsedItem
from service.batches.zipping import stream_results
from service.contract.errors import Fault, InvalidField, NotFinished, TooMuchWork
from service.contract.faults import raise_faults
from service.contract.keys import BATCHES
from service.contract.names import is_batch_id
from service.store import BatchRecord
from service.submission.inspection import find_key_faults
from service.waiting.batches import ENDED, WatchedBatch, stream_batch, wait_for_batch
from service.waiting.feed import HEADER, MEDIA_TYPE

_LIST = {"limit": (1, 100, 20)}
_PAGE = {"first": (0, 999_999, 0), "limit": (1, 200, 100)}


def build_blueprint() -> Blueprint:
    """Build the routes of batches."""
    routes = Blueprint("batches", __name__, url_prefix="/batches")
    routes.add_url_rule("", view_func=create_batch, methods=["POST"])
    routes.add_url_rule("", view_func=list_batches, methods=["GET"])
    routes.add_url_rule("/<batch_id>", view_func=get_batch, methods=["GET"])
    routes.add_url_rule("/<batch_id>", view_func=delete_batch, methods=["DELETE"])
    routes.add_url_rule("/<batch_id>/events", view_func=get_events, methods=["GET"])
    routes.add_url_rule("/<batch_id>/events-token", view_func=create_token, methods=["POST"])
    routes.add_url_rule("/<batch_id>/items", view_func=list_items, methods=["GET"])
    routes.add_url_rule("/<batch_id>/cancel", view_func=cancel_batch, methods=["POST"])
    routes.add_url_rule("/<batch_id>/results.zip", view_func=get_results, methods=["GET"])
    return routes


def create_batch() -> Response:
    """Accept many items under one id; each item is accepted or refused individually."""
    context = get_context()
    key = request.headers.get("Idempotency-Key")
    is_dry, faults = read_dry_run()
    raise_faults([*faults, *find_key_faults(key)])
    if not is_dry:
        context.admission.check()
    body = context.batch_reader.read(request)
    try:
        charge_items(len(body.request.items))
        if is_dry:
            return render(describe_batch_plan(context.batches.plan(_build_order(body, key))))
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


def list_batches() -> Response:
    """Return a page of the caller's batches, newest first."""
    before = request.args.get("cursor")
    rest = MultiDict((name, text) for name, text in request.args.items(multi=True))
    rest.poplist("cursor")
    limit = read_numbers(rest, _LIST)["limit"]
    if before is not None and not is_batch_id(before):
        message = "cursor must be taken unchanged from links.next of a page"
        raise InvalidField(message, faults=(Fault("", "invalid_field", message),))
    context = get_context()
    found, following = context.store.batches.load_page(
        get_caller().tenant, before=before, limit=limit
    )
    page = describe_page(found, limit, before, following, context.settings.public_url)
    response = render(page)
    if page.links.next is not None:
        # Source: RFC 8288.
        response.headers["Link"] = f'<{page.links.next}>; rel="next"'
    return response


def get_batch(batch_id: str) -> Response:
    """Return a batch; with `Prefer: wait`, once it has ended or differs from If-None-Match.

    Raises:
        InvalidField: the `Prefer` header is invalid.
    """
    preferences = read_preferences()
    raise_faults(preferences.faults)
    record = _load(batch_id)
    if preferences.wait_seconds is None:
        return _render(record)
    if not _is_due(record):
        with admit() as waiter:
            seconds = preferences.wait_seconds
            record = wait_for_batch(waiter, _follow(batch_id), seconds, _is_due)
    applied = preferences.describe_applied(has_waited=True, is_async=False)
    return add_applied(_render(record), applied)


def _is_due(record: BatchRecord) -> bool:
    """Return whether a waiting caller wants this state: the last, or one that it does not have."""
    is_new = bool(request.if_none_match) and _render(record).status_code != 304
    return record.state == ENDED or is_new


def create_token(batch_id: str) -> Response:
    """Make a token that opens a batch's events by their URL alone."""
    _load(batch_id)
    return answer_token(batch_id, f"/batches/{batch_id}/events")


def get_events(batch_id: str) -> Response:
    """Stream a batch: its state now and after each change, to its end."""
    check_accepts(MEDIA_TYPE)
    refuse_query()
    last = request.headers.get(HEADER) or None
    if last not in (None, ENDED):
        message = f"must be {ENDED}, the id of the last event of a batch"
        raise InvalidField(message, faults=(Fault(HEADER, "invalid_field", message),))
    if _load(batch_id).state == ENDED and last is not None:
        # The one status after which a browser does not reconnect.
        return Response(status=204)
    if request.method == "HEAD":
        return begin_events()
    waiter, base_url = admit(), get_context().settings.public_url
    try:
        waiter.join(batch_id)
    except BaseException:
        waiter.close()
        raise
    response = begin_events()
    response.response = stream_batch(
        waiter, _follow(batch_id), lambda found: describe_batch_event(found, base_url)
    )
    response.call_on_close(waiter.close)
    return response


def _follow(batch_id: str) -> WatchedBatch:
    """Return a batch that the client of this request waits for."""
    store, tenant = get_context().store, get_caller().tenant
    return WatchedBatch(store, batch_id, tenant, watch_client(), watch_key())


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
    if record.state != ENDED:
        raise NotFinished("the batch has not ended yet", retry_after_seconds=RETRY_AFTER_SECONDS)
    items = context.batches.items(batch_id, tenant)
    pieces = stream_results(items, tenant, context.store, context.blobs)
    response = Response(pieces, mimetype=choose_media_type("application/zip"))
    response.headers["Content-Disposition"] = f'attachment; filename="{batch_id}.zip"'
    return response


def _load(batch_id: str) -> BatchRecord:
    return get_context().batches.load(batch_id, get_caller().tenant)


def _render(record: BatchRecord, status: int = 200) -> Response:
    text = describe_batch(record, get_context().settings.public_url).model_dump_json()
    response = Response(status=status, mimetype=JSON)
    response.set_etag(blake2b(text.encode(), digest_size=16).hexdigest())
    response.headers["Cache-Control"] = "no-cache"
    if record.state != ENDED:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if request.method in ("GET", "HEAD") and is_known(response):
        return not_modified(response)
    response.set_data(text)
    return response
