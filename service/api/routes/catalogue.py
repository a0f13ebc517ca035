"""`/methods`, `/models` and `/limits`: the offer of this deployment."""

from __future__ import annotations

from flask import Blueprint, Response

from service.api.access.auth import get_caller
from service.api.context import Context, get_context
from service.api.requests.preferences import MAX_WAIT_SECONDS
from service.api.routes.rendering import render
from service.contract.catalogue import Catalogue, ModelEntry
from service.contract.errors import BrokerUnavailable, StoreUnavailable
from service.contract.finders import FinderEntry
from service.contract.geometry import MAX_SIDE_PIXELS
from service.contract.intents import IntentSettings, intents_of_method
from service.contract.loras import OptionalLora
from service.contract.methods import BEST_WEIGHT_FREE, METHODS, MethodInfo
from service.contract.names import CPU_QUEUE, gpu_queue
from service.contract.params import INTENTS, InpaintParams, Intent, Operation
from service.documents.schemas import (
    FinderAnswer,
    LimitsAnswer,
    LoraAnswer,
    MethodAnswer,
    MethodList,
    ModelAnswer,
    ModelList,
    PressureAnswer,
    QueuePressure,
    StoredAnswer,
)
from service.pictures.headers import list_input_formats
from service.store import OnlineWorker
from service.submission.model_rules import MAX_ASPECT, MIN_SIDE_PIXELS
from service.submission.output import MAX_PAINTED_PIXELS, list_output_formats
from service.waiting.streams import count_slots

_DERIVED = frozenset({"intents", "presets", "loras"})
"""Fields of a model's answer that are not those of its entry."""


def build_blueprint() -> Blueprint:
    """Build the routes of the catalog."""
    routes = Blueprint("catalogue", __name__)
    routes.add_url_rule("/methods", view_func=list_methods, methods=["GET"])
    routes.add_url_rule("/models", view_func=list_models, methods=["GET"])
    routes.add_url_rule("/limits", view_func=get_limits, methods=["GET"])
    return routes


def list_methods() -> Response:
    """Return the methods, and how many workers are online for each."""
    context = get_context()
    workers = context.store.presence.load_workers()
    return render(MethodList(methods=[_describe(context, method, workers) for method in METHODS]))


def list_models() -> Response:
    """Return the models that are served, and those that could be."""
    context = get_context()
    workers = context.store.presence.load_workers()
    catalogue = context.catalogue
    models = [_describe_model(entry, catalogue, workers) for entry in catalogue.models]
    models += [_describe_model(entry, catalogue, []) for entry in catalogue.known]
    finders = [_describe_finder(entry, catalogue, workers) for entry in catalogue.finders]
    finders += [_describe_finder(entry, catalogue, []) for entry in catalogue.known_finders]
    return render(ModelList(models=models, finders=finders))


def _describe_finder(
    entry: FinderEntry, catalogue: Catalogue, workers: list[OnlineWorker]
) -> FinderAnswer:
    traits = entry.traits
    shared = set(FinderAnswer.model_fields) & set(FinderEntry.model_fields)
    serves = [entry.group is None or worker.queue == gpu_queue(entry.group) for worker in workers]
    return FinderAnswer(
        **{name: getattr(entry, name) for name in shared},
        finds=sorted(traits.finds),
        is_pinned=entry.is_pinned,
        extra=traits.extra,
        min_score=traits.min_score,
        configured=entry in catalogue.finders and catalogue.allows(entry),
        workers_online=sum(serves),
    )


def _describe_model(
    entry: ModelEntry, catalogue: Catalogue, workers: list[OnlineWorker]
) -> ModelAnswer:
    traits = entry.traits
    shared = set(ModelAnswer.model_fields) & set(ModelEntry.model_fields) - _DERIVED
    return ModelAnswer(
        **{name: getattr(entry, name) for name in shared},
        configured=catalogue.find_model(entry.name) is entry and catalogue.allows(entry),
        is_default=entry is catalogue.fallback_model,
        kind=entry.kind,
        extends=traits.extends,
        variants=traits.variants,
        is_pinned=entry.is_pinned,
        conditioning=traits.conditioning,
        guidance=traits.guidance,
        sees_hole=traits.sees_hole,
        intents=dict(entry.honored_intents),
        presets=entry.offered_presets,
        loras={name: _describe_lora(lora) for name, lora in entry.optional_loras.items()},
        unsupported_fields=sorted(entry.unsupported_fields),
        size_multiple=entry.size_multiple,
        workers_online=sum(worker.queue == gpu_queue(entry.group) for worker in workers),
    )


def _describe_lora(lora: OptionalLora) -> LoraAnswer:
    return LoraAnswer(
        description=lora.description,
        licence=lora.licence,
        scale=lora.scale,
        withheld=lora.withheld,
    )


def get_limits() -> Response:
    """Return the limits of requests."""
    settings, own = get_context().settings, get_caller().limits
    return render(
        LimitsAnswer(
            max_body_bytes=settings.max_body_bytes,
            max_json_body_bytes=settings.max_json_body_bytes,
            max_part_bytes=settings.max_part_bytes,
            min_side_pixels=MIN_SIDE_PIXELS,
            max_image_pixels=settings.max_image_pixels,
            max_canvas_pixels=settings.max_canvas_pixels,
            max_painted_pixels=MAX_PAINTED_PIXELS,
            max_side_pixels=MAX_SIDE_PIXELS,
            max_aspect=MAX_ASPECT,
            takes_image_urls=get_context().picture_urls.is_open,
            max_num_images=_upper_limit("num_images"),
            input_formats=list(list_input_formats()),
            output_formats=list(list_output_formats()),
            max_queued_jobs=settings.queue_limit,
            max_unfinished_jobs=settings.tenant_job_limit,
            max_stored_jobs=settings.stored_limits.jobs,
            max_stored_batches=settings.stored_limits.batches,
            max_stored_uploads=settings.stored_limits.uploads,
            max_stored_bytes=settings.stored_limits.bytes,
            stored=_describe_stored(get_context(), get_caller().tenant),
            max_unfinished_jobs_of_key=own.unfinished_jobs,
            max_requests_per_minute=own.requests_per_minute,
            max_megapixels_per_minute=own.megapixels_per_minute,
            max_finish_within_seconds=_upper_limit("finish_within_seconds"),
            max_ttl_seconds=_upper_limit("ttl_seconds"),
            max_wait_seconds=MAX_WAIT_SECONDS,
            max_waiting_clients=count_slots(settings.http_threads),
            max_waiting_clients_of_key=get_context().slots_of_key,
            max_worker_absence_seconds=settings.worker_absence_seconds,
            max_broker_memory_share=settings.broker_memory_share,
            min_store_free_bytes=settings.store_reserve_bytes,
            pressure=_describe_pressure(get_context()),
        )
    )


def _describe_stored(context: Context, tenant: str) -> StoredAnswer | None:
    """Describe what a tenant stores; None if the broker does not answer."""
    try:
        stored = context.store.holdings.load(tenant)
    except BrokerUnavailable:
        return None
    return StoredAnswer(
        jobs=stored.jobs, batches=stored.batches, uploads=stored.uploads, bytes=stored.bytes
    )


def _describe_pressure(context: Context) -> PressureAnswer | None:
    """Describe the free capacity; None if broker or store do not answer."""
    try:
        room, refusal = context.admission.look(), context.admission.find_refusal()
        queues = [_describe_queue(context, queue) for queue in context.store.queues.load_names()]
    except (BrokerUnavailable, StoreUnavailable):
        return None
    return PressureAnswer(
        broker_used_bytes=room.memory.used_bytes,
        broker_max_bytes=room.memory.max_bytes,
        store_free_bytes=room.store_free_bytes,
        refuses_with=refusal.code if refusal else None,
        queues=queues,
    )


def _describe_queue(context: Context, queue: str) -> QueuePressure:
    state, refusal = context.admission.look_at(queue), context.admission.find_queue_refusal(queue)
    return QueuePressure(
        queue=queue,
        waiting=state.waiting,
        workers_online=state.workers_online,
        refuses_with=refusal.code if refusal else None,
    )


def _describe(context: Context, method: MethodInfo, workers: list[OnlineWorker]) -> MethodAnswer:
    catalogue = context.catalogue
    meant = _find_meant(context, method.operation)
    chosen = "generate" if meant else BEST_WEIGHT_FREE[method.operation]
    queues = {gpu_queue(entry.group) for entry in catalogue.models}
    finding = {gpu_queue(entry.group) for entry in catalogue.finders if entry.group}
    serving = queues if method.needs_model else {CPU_QUEUE, *finding}
    return MethodAnswer(
        name=method.name,
        operation=method.operation,
        summary=method.summary,
        available=not method.needs_model or bool(catalogue.models),
        is_default=method.name == chosen,
        auto_model=meant.name if meant and method.name == chosen else None,
        needs_model=method.needs_model,
        variants=method.variants,
        engine=method.engine,
        intents=_find_intents(catalogue, method),
        unsupported_fields=sorted(method.unsupported_fields),
        workers_online=sum(worker.queue in serving for worker in workers),
    )


def _find_intents(catalogue: Catalogue, method: MethodInfo) -> dict[Intent, IntentSettings]:
    """Return the intents of a method: its own, or those that any model of this deployment has."""
    honored = dict(intents_of_method(method.name))
    for entry in catalogue.models if method.needs_model else ():
        honored |= dict.fromkeys(entry.honored_intents, IntentSettings())
    return {intent: honored[intent] for intent in INTENTS[method.operation] if intent in honored}


def _find_meant(context: Context, operation: Operation) -> ModelEntry | None:
    """Return the model that `auto` means without any other parameter."""
    catalogue = context.catalogue
    erasers = catalogue.erasers if operation == "inpaint" else []
    served = (one for one in erasers if context.admission.is_served(gpu_queue(one.group)))
    return next(served, catalogue.default_model)


def _upper_limit(field: str) -> int:
    """Return the upper limit of a parameter, from its model."""
    for rule in InpaintParams.model_fields[field].metadata:
        if hasattr(rule, "le"):
            return int(rule.le)
    raise ValueError(f"{field} has no upper limit")
