"""Estimates of the final picture in the middle of its steps."""

from __future__ import annotations

from typing import Any, Final

import torch

_STRAIGHT: Final = ("EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler")
"""Schedulers whose step goes straight toward their estimate of the clean latents."""


class CleanLatents:
    """Estimates the latents without noise, from the change that a scheduler made in a step.

    The callback of a step sees the noisy latents alone: a preview of them shows noise until the
    very end.
    """

    def __init__(self) -> None:
        self._last: tuple[int, torch.Tensor] | None = None

    def estimate(self, scheduler: Any, latents: torch.Tensor) -> torch.Tensor:
        """Return the estimate after a step; the latents themselves if there is none.

        Args:
            scheduler: just after the step.
            latents: after the step, packed as in the pipeline.
        """
        predicted = _predicted(scheduler)
        if predicted is not None and predicted.shape == latents.shape:
            return predicted
        if type(scheduler).__name__ not in _STRAIGHT or scheduler.step_index is None:
            return latents
        index, last = int(scheduler.step_index), self._last
        self._last = (index, latents)
        if last is None or last[0] != index - 1 or last[1].shape != latents.shape:
            return latents
        before, now = float(scheduler.sigmas[index - 1]), float(scheduler.sigmas[index])
        slope = (latents - last[1]) / (now - before)
        return latents - slope * now


def _predicted(scheduler: Any) -> torch.Tensor | None:
    """Return the clean latents that a multistep solver keeps."""
    kept = getattr(scheduler, "model_outputs", None)
    solves_for_them = scheduler.config.get("algorithm_type", "") in (
        "dpmsolver++",
        "sde-dpmsolver++",
    )
    if not kept or not (solves_for_them or scheduler.config.get("predict_x0")):
        return None
    last: torch.Tensor | None = kept[-1]
    return last
