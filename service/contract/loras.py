"""Low-rank adapters of models: those that are always on, and those that a request may name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

UNKNOWN_LICENCE: Final = "unknown"

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")


class LoraEntry(BaseModel):
    """A low-rank adapter that is loaded with a model.

    Attributes:
        source: a local file or directory, or a repository id on the Hub.
        revision: commit of the repository; required for the Hub.
        weight_name: file within the source.
        scale: how strongly it counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(min_length=1)
    revision: str | None = None
    weight_name: str | None = None
    scale: float = Field(1.0, ge=-4, le=4)


class OptionalLora(LoraEntry):
    """A low-rank adapter that a request may name in `loras`, or that a preset uses.

    Attributes:
        licence: SPDX id or name; one that is not known keeps it from being offered.
        commercial: whether the license allows commercial use.
        description: one sentence for people.
        withheld: why it is not offered; empty if it is.
    """

    licence: str = UNKNOWN_LICENCE
    commercial: bool = True
    description: str = ""
    withheld: str = ""

    @property
    def is_pinned(self) -> bool:
        """True if its file is known: it lies in a folder, or its repository's commit is set."""
        return Path(self.source).exists() or _COMMIT.fullmatch(self.revision or "") is not None


def find_licence_refusal(lora: OptionalLora, *, allow_non_commercial: bool) -> str:
    """Return why the operator's policy refuses a LoRA's license; empty if it does not."""
    if lora.licence == UNKNOWN_LICENCE:
        return "its license is not known: the operator names it in `licence`"
    if lora.commercial or allow_non_commercial:
        return ""
    return (
        f"its license, {lora.licence}, forbids commercial use; the operator may allow such by "
        "PAINTJOB_ALLOW_NON_COMMERCIAL"
    )


def withhold(lora: OptionalLora, *, allow_non_commercial: bool, model: str | None) -> OptionalLora:
    """Return a LoRA with the reason why it is not offered, if there is one.

    Args:
        lora: as configured.
        allow_non_commercial: the operator's policy.
        model: name of the model that is served with it; `None` if that is only known.
    """
    refusal = find_licence_refusal(lora, allow_non_commercial=allow_non_commercial)
    if model is not None and not lora.is_pinned:
        refusal = refusal or f"it is not fetched: paintjob models pull {model}"
    return lora.model_copy(update={"withheld": lora.withheld or refusal})
