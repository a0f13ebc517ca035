"""The seam for a check of what is asked and what is painted; by default everything passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from worker.imaging import ImageArray, MaskArray


@dataclass(frozen=True)
class Verdict:
    """What a check says.

    Attributes:
        allowed: whether to go on.
        reason: why not, for the caller; names no prompt and no rule that could be probed.
    """

    allowed: bool = True
    reason: str = ""


class SafetyCheck(Protocol):
    """Judges prompts and pictures. A refusal ends the job with its reason, never a black picture.

    May raise: then the job fails, for what cannot be checked is not given out.
    """

    def check_prompt(self, prompt: str, negative_prompt: str) -> Verdict:
        """Judge what is asked, before a model is loaded."""
        ...

    def check_input(self, image: ImageArray, mask: MaskArray) -> Verdict:
        """Judge the picture to be painted on.

        Args:
            image: RGB uint8 (H, W, 3).
            mask: uint8 (H, W), 255 repaint.
        """
        ...

    def check_output(self, image: ImageArray, mask: MaskArray) -> Verdict:
        """Judge what was painted, pasted into the picture.

        Args:
            image: RGB uint8 (H, W, 3).
            mask: uint8 (H, W), 255 where it was painted.
        """
        ...


class NoSafetyCheck:
    """Lets everything pass."""

    def check_prompt(self, prompt: str, negative_prompt: str) -> Verdict:
        """See `SafetyCheck`."""
        return Verdict()

    def check_input(self, image: ImageArray, mask: MaskArray) -> Verdict:
        """See `SafetyCheck`."""
        return Verdict()

    def check_output(self, image: ImageArray, mask: MaskArray) -> Verdict:
        """See `SafetyCheck`."""
        return Verdict()
