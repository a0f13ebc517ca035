"""A safety check that a worker's setting can name."""

from __future__ import annotations

from worker.config import WorkerSettings
from worker.imaging import ImageArray, MaskArray
from worker.operations.safety import SafetyCheck, Verdict

FORBIDDEN = "forbidden"


class WordCheck:
    """Refuses one word."""

    def check_prompt(self, prompt: str, negative_prompt: str) -> Verdict:
        return Verdict(FORBIDDEN not in prompt, "such pictures are not painted here")

    def check_input(self, image: ImageArray, mask: MaskArray) -> Verdict:
        return Verdict()

    def check_output(self, image: ImageArray, mask: MaskArray) -> Verdict:
        return Verdict()


def build_check(_settings: WorkerSettings) -> SafetyCheck:
    """Return the check."""
    return WordCheck()
