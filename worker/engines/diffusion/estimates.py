"""What a picture may become, estimated in the middle of its steps."""

from __future__ import annotations

from typing import Any, Final

import torch

_STRAIGHT: Final = ("EulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler")
"""Schedulers whose step is a straight line toward their estimate of the clean latents."""


class CleanLatents:
    """Estimates the latents without their noise, from what a scheduler did between two steps.

    The callback of a step has the noisy latents alone: a preview of them shows noise until the
    very end.
    """

    def __init__(self) -> None:
        self._last: tuple[int, torch.Tensor] | None = None

    def estimate(self, scheduler: Any, latents: torch.Tensor) -> torch.Tensor:
        """Give the estimate after a step; the latents themselves where there is none.

        Args:
            scheduler: that has just made the step.
            latents: after the step, packed as the pipeline has them.
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
    """Give the clean latents that multistep solvers keep."""
    kept = getattr(scheduler, "model_outputs", None)
    solves_for_them = scheduler.config.get("algorithm_type", "") in (
        "dpmsolver++",
        "sde-dpmsolver++",
    )
    if not kept or not (solves_for_them or scheduler.config.get("predict_x0")):
        return None
    last: torch.Tensor | None = kept[-1]
    return last
