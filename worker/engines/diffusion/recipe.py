"""The recipe of a picture: everything that is needed to paint it again."""

from __future__ import annotations

from typing import Any

from service.contract.catalogue import ModelEntry
from service.contract.jobs import Recipe
from worker.engines.diffusion.loading import LoadedModel, versions
from worker.engines.diffusion.running import PaintedPicture


def describe_model(model: LoadedModel) -> Recipe:
    """Return the recipe that all pictures of a model share."""
    entry, pipeline = model.entry, model.pipeline
    return Recipe(
        engine="diffusers",
        model_revision=entry.revision,
        scheduler=type(pipeline.scheduler).__name__,
        dtype=entry.dtype,
        versions=versions(),
        details={
            "family": entry.family,
            "pipeline": type(pipeline).__name__,
            "device": model.device,
            "native_pixels": entry.native_pixels,
            **_special(entry),
        },
    )


def describe_picture(run: PaintedPicture, seed: int, model: LoadedModel) -> dict[str, Any]:
    """Return the details of one picture: settings, seed, and measures taken on failures."""
    settings, honors = run.call.settings, model.entry.traits.honors
    details: dict[str, Any] = {
        "seed": seed,
        "painted_size": [settings.width, settings.height],
        "num_inference_steps": settings.steps,
        "steps_run": run.call.steps_run,
        "rows": len(run.call.pictures),
    }
    if "strength" in honors:
        details["strength"] = settings.strength
    if "guidance_scale" in honors or model.adapter.is_guided(model.pipeline, settings):
        details["guidance_scale"] = settings.guidance_scale
    if settings.max_sequence_length is not None:
        details["max_sequence_length"] = settings.max_sequence_length
    if settings.loras:
        details["optional_loras"] = [
            {"name": name, "revision": _revision_of(name, model.entry), "scale": scale}
            for name, scale in settings.loras
        ]
    if settings.reference is not None:
        details["reference_size"] = list(settings.reference)
    marks = {"tiled": run.tiled, "painted_in_float32": run.raised}
    return details | {name: True for name, value in marks.items() if value}


def _revision_of(lora: str, entry: ModelEntry) -> str | None:
    return entry.offered_loras[lora].revision


def _special(entry: ModelEntry) -> dict[str, Any]:
    """Return the operator's special settings, without the locations of weights."""
    given: dict[str, Any] = {
        "variant": entry.variant,
        "controlnet_revision": entry.controlnet_revision,
        "quantization": entry.quantization,
        "offload": None if entry.offload == "none" else entry.offload,
        "attention": entry.attention,
        "cache": entry.cache,
        "compile": entry.compile or None,
        "scheduler_settings": entry.scheduler,
        "loras": [
            {"revision": lora.revision, "weight_name": lora.weight_name, "scale": lora.scale}
            for lora in entry.loras
        ]
        or None,
    }
    return {name: value for name, value in given.items() if value is not None}
