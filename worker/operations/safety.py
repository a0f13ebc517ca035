"""Checks of what is asked, of what is given and of what is painted, by the operator's own code.

None is configured by default. What a check refuses ends the job with an error of its own; nothing
is blackened or blurred instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from service.contract.errors import InputRefused, OutputRefused, PromptRefused
from worker.config import WorkerSettings, load_function
from worker.imaging import ImageArray, MaskArray
from worker.imaging.picture import Picture
from worker.operations.preparation import Prepared
from worker.reporting import ClaimedJob


@dataclass(frozen=True)
class Verdict:
    """The verdict of a check.

    Attributes:
        allowed: whether to go on.
        reason: why not, for the caller; names no prompt and no rule that could be probed. Empty
            for the default text of the error.
    """

    allowed: bool = True
    reason: str = ""


class SafetyCheck(Protocol):
    """Judges prompts and pictures, in the process that paints and between its steps.

    May raise: then the job fails, for what cannot be checked is not given out.
    """

    def check_prompt(self, prompt: str, negative_prompt: str) -> Verdict:
        """Judge what is asked, before a picture is decoded or a model loaded; empty for none."""
        ...

    def check_input(self, image: ImageArray, mask: MaskArray) -> Verdict:
        """Judge the picture to be painted on, and another one that the model looks at.

        Of that one nothing is painted: its mask is empty.

        Args:
            image: RGB uint8 (H, W, 3), not to be written to; in outpainting the whole canvas, of
                which only the original is anything.
            mask: uint8 (H, W), 255 repaint; likewise.
        """
        ...

    def check_output(self, image: ImageArray, mask: MaskArray) -> Verdict:
        """Judge what was painted, pasted into the picture; each picture of a job by itself.

        Args:
            image: RGB uint8 (H, W, 3), not to be written to.
            mask: uint8 (H, W), 255 where it was painted; likewise.
        """
        ...


def load_safety_check(settings: WorkerSettings) -> SafetyCheck | None:
    """Build the check that the settings name as `module:function`; `None` where they name none.

    The function is given the settings, once, before anything is painted.

    Raises:
        SettingsError: there is no such function.
    """
    if not settings.safety_check:
        return None
    check: SafetyCheck = load_function("SAFETY_CHECK", settings.safety_check)(settings)
    return check


def check_prompt(check: SafetyCheck | None, job: ClaimedJob) -> None:
    """Check what a job asks for.

    Raises:
        PromptRefused: with the reason from the check.
    """
    if check is None:
        return
    params = job.spec.paint_params
    verdict = check.check_prompt(params.painted_prompt, params.negative_prompt or "")
    if not verdict.allowed:
        raise PromptRefused(verdict.reason)


def check_input(check: SafetyCheck | None, prepared: Prepared) -> None:
    """Check what a job is painted on, and what its model looks at.

    Raises:
        InputRefused: with the reason from the check.
    """
    if check is None:
        return
    seen = [_locked(prepared.picture, prepared.mask)]
    if prepared.reference is not None:
        nothing = np.zeros(prepared.reference.shape[:2], np.uint8)
        nothing.flags.writeable = False
        seen.append((prepared.reference, nothing))
    for image, mask in seen:
        verdict = check.check_input(image, mask)
        if not verdict.allowed:
            raise InputRefused(verdict.reason)


def check_output(check: SafetyCheck | None, picture: Picture, mask: MaskArray) -> None:
    """Check one picture as it would be delivered.

    Args:
        check: the operator's.
        picture: what was painted, in its place.
        mask: uint8 (H, W), 255 where it was painted.

    Raises:
        OutputRefused: with the reason from the check.
    """
    if check is None:
        return
    verdict = check.check_output(*_locked(picture, mask))
    if not verdict.allowed:
        raise OutputRefused(verdict.reason)


def _locked(picture: Picture, mask: MaskArray) -> tuple[ImageArray, MaskArray]:
    """Return views that cannot be written to: the pictures themselves must stay as they are."""
    image, shown = picture.rgb().view(), mask.view()
    image.flags.writeable = shown.flags.writeable = False
    return image, shown
