"""The models of a deployment: those that it serves, and those that Paintjob knows.

Data only: the API refuses from it, workers load from it, `GET /models` shows it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from service.contract.families import FAMILIES, Family, Kind
from service.contract.faults import reword
from service.contract.finders import (
    FINDER_FAMILIES,
    GRABCUT,
    TEXT_FINDER,
    FinderEntry,
    FinderQuery,
    Sha256,
)
from service.contract.intents import (
    Intents,
    IntentSettings,
    Preset,
    complete_settings,
    intents_of_family,
)
from service.contract.loras import LoraEntry, OptionalLora, withhold
from service.contract.names import CPU_QUEUE, gpu_queue
from service.contract.params import Intent
from service.contract.setting_errors import SettingsError
from service.contract.settings import SharedSettings

LoraName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""Name of an optional LoRA or a preset."""


class ModelDefaults(BaseModel):
    """Values that `generate` uses when the caller sends none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strength: float = Field(1.0, gt=0, le=1)
    guidance_scale: float = Field(7.5, ge=0, le=50)
    num_inference_steps: int = Field(25, ge=1, le=200)
    negative_prompt: str = ""


class ModelEntry(BaseModel):
    """One configured model.

    Attributes:
        name: the value of `model` in a request.
        family: which adapter calls it.
        source: a local directory in diffusers' layout, a single safetensors file, or a repository
            id on the Hub; empty for a model without weights.
        revision: commit of the repository; required for the Hub, so that results can be made again.
        file: the file in the source that has the weights of a net, where its name is not the
            family's; `paintjob models pull` converts one of torch's.
        config: local directory in diffusers' layout that a single file takes its settings from.
        controlnet: directory or repository of the ControlNet, for families that have one.
        controlnet_revision: commit of that repository.
        controlnet_file: its weights, where the directory or repository has them as one file.
        controlnet_config: settings of such a file, as in `config.json`; else they lie beside it.
        preview_vae: directory or repository of a small autoencoder (`AutoencoderTiny`, such as
            TAESD) that decodes previews; without one a linear map does.
        preview_vae_revision: commit of that repository.
        sha256: by source, as named in the fields above and in `loras`, the SHA-256 of its files by
            their paths in it; `paintjob models pull` writes them, and every load checks them. A
            source without any is used as it is.
        variant: file variant, such as `fp16`.
        dtype: `float32`, `bfloat16` or `float16`.
        quantization: arguments of diffusers' `PipelineQuantizationConfig`, passed through.
        offload: where weights wait: `none`, `model` or `sequential` (on the processor).
        compile: whether repeated blocks are compiled.
        attention: attention backend by diffusers' name; tried at load.
        cache: arguments of diffusers' `enable_cache`, with `name` as the class; passed through.
        loras: adapters loaded with it.
        scheduler: diffusers' class that replaces the one of the weights, and its settings.
        tile_pixels: from so many pixels on the autoencoder works in tiles.
        max_sequence_length: of the prompt in tokens, for families that pad to it.
        licence: SPDX id or name, shown to callers.
        commercial: whether the license allows commercial use of the weights.
        memory_bytes: accelerator memory that it needs, roughly.
        description: one sentence for people.
        group: models of one group are served by one worker and one queue; erasers have one of
            their own.
        default: whether `auto` and an absent `model` mean this one; at most one entry.
        native_pixels: area in pixels that the model paints best.
        max_batch: pictures that one call may hold.
        defaults: values used when the caller sends none.
        intents: values that complete or replace those of the family for each `intent`; if there is
            any, the model honors these alone.
        optional_loras: adapters that a request may name, by name; loaded once, and switched.
        presets: values that belong together, by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,127}$")
    family: str
    source: str = ""
    revision: str | None = None
    file: str | None = None
    config: str | None = None
    controlnet: str | None = None
    controlnet_revision: str | None = None
    controlnet_file: str | None = None
    controlnet_config: dict[str, Any] | None = None
    preview_vae: str | None = None
    preview_vae_revision: str | None = None
    sha256: dict[str, dict[str, Sha256]] = {}
    variant: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    quantization: dict[str, Any] | None = None
    offload: Literal["none", "model", "sequential"] = "none"
    compile: bool = False
    attention: str | None = None
    cache: dict[str, Any] | None = None
    loras: tuple[LoraEntry, ...] = ()
    scheduler: dict[str, Any] | None = None
    tile_pixels: int = Field(1_500_000, ge=64 * 64)
    max_sequence_length: int | None = Field(None, ge=1, le=4096)
    licence: str = "unknown"
    commercial: bool = True
    memory_bytes: int | None = Field(None, ge=0)
    description: str = ""
    group: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    default: bool = False
    native_pixels: int = Field(512 * 512, ge=64 * 64)
    max_batch: int = Field(1, ge=1, le=64)
    defaults: ModelDefaults = ModelDefaults()
    intents: dict[Intent, IntentSettings] = {}
    optional_loras: dict[LoraName, OptionalLora] = {}
    presets: dict[LoraName, Preset] = {}

    @property
    def offered_loras(self) -> dict[str, OptionalLora]:
        """The adapters that a request may name."""
        return {name: one for name, one in self.optional_loras.items() if not one.withheld}

    @property
    def offered_presets(self) -> dict[str, Preset]:
        """The presets whose adapters are all offered."""
        offered = self.offered_loras.keys()
        return {
            name: preset
            for name, preset in self.presets.items()
            if offered >= {one.name for one in preset.loras or ()}
        }

    @property
    def honored_intents(self) -> Intents:
        """The intents that it honors, each with what it sets; without presets not offered."""
        of_family = intents_of_family(self.family)
        completed = {
            intent: complete_settings(of_family.get(intent, IntentSettings()), changes)
            for intent, changes in self.intents.items()
        }
        offered = self.offered_presets
        return {
            intent: one if one.preset in offered else one.model_copy(update={"preset": None})
            for intent, one in (completed or of_family).items()
        }

    @property
    def unsupported_fields(self) -> frozenset[str]:
        """Parameters of `generate` that are refused with it."""
        refused = self.traits.unsupported_fields
        refused |= frozenset() if self.optional_loras else {"loras"}
        return refused | (frozenset() if self.presets else {"preset"})

    @property
    def traits(self) -> Family:
        """Abilities of the model's family."""
        return FAMILIES[self.family]

    @property
    def files(self) -> tuple[str, ...]:
        """The files of its weights in its source; none in diffusers' layout."""
        return (self.file,) if self.file and self.traits.files else self.traits.files

    @property
    def kind(self) -> Kind:
        """The purpose of the model."""
        return self.traits.kind

    @property
    def revisions(self) -> dict[str, str | None]:
        """Everything that its files come from, each with the commit that is used."""
        parts: dict[str | None, str | None] = {
            self.source: self.revision,
            self.controlnet: self.controlnet_revision,
            self.preview_vae: self.preview_vae_revision,
            **{lora.source: lora.revision for lora in self.loras},
            **{lora.source: lora.revision for lora in self.offered_loras.values()},
        }
        return {source: revision for source, revision in parts.items() if source}

    @property
    def is_pinned(self) -> bool:
        """True if the hashes of all of its sources are known, so that every load checks them."""
        return all(self.sha256.get(source) for source in self.revisions)

    @property
    def size_multiple(self) -> int:
        """Sides are brought to a multiple of this, in pixels."""
        return self.traits.size_multiple

    @model_validator(mode="before")
    @classmethod
    def _has_the_group_of_its_family(cls, values: Any) -> Any:
        family = FAMILIES.get(str(values.get("family"))) if isinstance(values, dict) else None
        return values if family is None else {"group": family.group, **values}

    @field_validator("family")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in FAMILIES:
            raise ValueError(f"must be one of {', '.join(FAMILIES)}")
        return value

    @model_validator(mode="after")
    def _is_no_default_eraser(self) -> Self:
        if self.default and self.kind == "eraser":
            raise ValueError("default is not for erasers: auto takes them where no prompt is sent")
        return self

    @model_validator(mode="after")
    def _hashes_belong_to_sources(self) -> Self:
        optional = {lora.source for lora in self.optional_loras.values()}
        strange = sorted(set(self.sha256) - set(self.revisions) - optional)
        if strange:
            raise ValueError(f"sha256 has {', '.join(strange)}, which is no source of this model")
        return self

    @model_validator(mode="after")
    def _settings_fit_the_model(self) -> Self:
        of_intents = {f"intents.{name}": one for name, one in self.intents.items()}
        of_presets = {f"presets.{name}": one for name, one in self.presets.items()}
        for place, settings in (of_intents | of_presets).items():
            refused = sorted(settings.to_values().keys() & self.unsupported_fields)
            if refused:
                raise ValueError(f"{place} sets {', '.join(refused)}, which it refuses")
            strange = {one.name for one in settings.loras or ()} - self.optional_loras.keys()
            if strange:
                raise ValueError(f"{place} names {', '.join(sorted(strange))}, no optional LoRA")
        for name, intent in self.intents.items():
            if intent.preset is not None and intent.preset not in self.presets:
                raise ValueError(f"intents.{name} names {intent.preset}, which is no preset")
        return self


SELF_MODEL = ModelEntry(
    name="self",
    family="self",
    licence="none needed",
    description="Built in, without weights: samples from the picture's own patches. Takes no "
    "prompt and understands nothing; continues style and texture, differently for every seed.",
    group="self",
    max_batch=8,
    defaults=ModelDefaults(num_inference_steps=24),
)
"""The model of `generate` when none is configured."""


class Catalogue(BaseModel):
    """The models of a deployment.

    Attributes:
        models: those that paint here, the built-in one last.
        known: those that Paintjob knows and this deployment does not serve.
        finders: those that find here, the built-in ones last: the first one that answers a query
            is asked.
        known_finders: those that Paintjob knows and this deployment does not serve.
        allow_non_commercial: whether models that may not be used commercially are served.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    models: tuple[ModelEntry, ...] = ()
    known: tuple[ModelEntry, ...] = ()
    finders: tuple[FinderEntry, ...] = (GRABCUT,)
    known_finders: tuple[FinderEntry, ...] = ()
    allow_non_commercial: bool = False

    @property
    def default_model(self) -> ModelEntry | None:
        """The entry that `auto` means; a built-in model is never meant by `auto`."""
        return next((entry for entry in self.models if entry.default), None)

    @property
    def fallback_model(self) -> ModelEntry | None:
        """The entry that `generate` without a `model` means."""
        return self.default_model or self.find_model(SELF_MODEL.name)

    @property
    def erasers(self) -> list[ModelEntry]:
        """The erasers that this deployment serves."""
        return [one for one in self.models if one.kind == "eraser" and self.allows(one)]

    def find_model(self, name: str) -> ModelEntry | None:
        """Find a model that is served, by name."""
        return next((entry for entry in self.models if entry.name == name), None)

    def find_known(self, name: str) -> ModelEntry | None:
        """Find a model that could be served, by name."""
        return next((entry for entry in self.known if entry.name == name), None)

    def find_finder(self, query: FinderQuery) -> FinderEntry | None:
        """Find the finder that answers a query: the first that can."""
        return next((entry for entry in self.finders if query in entry.traits.finds), None)

    def get_finder(self, name: str) -> FinderEntry:
        """Return a finder that is served, by name.

        Raises:
            KeyError: there is none.
        """
        return {entry.name: entry for entry in self.finders}[name]

    def queues(self) -> list[str]:
        """Return every queue that a complete deployment serves, the weight-free one first."""
        entries: tuple[ModelEntry | FinderEntry, ...] = (*self.models, *self.finders)
        groups = {entry.group for entry in entries if entry.group and self.allows(entry)}
        return [CPU_QUEUE, *sorted(gpu_queue(group) for group in groups)]

    def allows(self, entry: ModelEntry | FinderEntry) -> bool:
        """Return whether the operator's policy allows a model's license."""
        return entry.commercial or self.allow_non_commercial


def load_catalogue(
    path: Path | None,
    *,
    self_model: bool = False,
    text_finder: bool = False,
    allow_non_commercial: bool = False,
) -> Catalogue:
    """Read the operator's models file; no file means no models but the built-in one.

    The file is TOML: a `[[models]]` table an entry, with the fields of `ModelEntry`, or with
    `kind = "finder"` those of `FinderEntry`. An entry with the name of a model that Paintjob knows
    needs only the fields that differ.

    Args:
        path: the file.
        self_model: whether the built-in model is served.
        text_finder: whether the built-in finder of text is served.
        allow_non_commercial: whether models that may not be used commercially are served.

    Raises:
        ValueError: the file breaks a rule, says which.
        OSError: the file cannot be read.
    """
    known = read_known_models()
    tables = _read_tables(path) if path is not None else []
    policy = partial(_apply_policy, allow_non_commercial=allow_non_commercial)
    entries = [_complete(table, known) for table in tables]
    names = [entry.name for entry in entries]
    if len(set(names)) < len(names):
        raise ValueError(f"{path}: two models have the same name")
    painting, finders = _sort(entries)
    served = [policy(entry, served=True) for entry in painting]
    if sum(entry.default for entry in served) > 1:
        raise ValueError(f"{path}: more than one model is the default")
    if self_model and SELF_MODEL.name not in names:
        served.append(SELF_MODEL)
    built_in = (TEXT_FINDER, GRABCUT) if text_finder else (GRABCUT,)
    finders += [entry for entry in built_in if entry.name not in names]
    left, left_finders = _sort([_complete(known[name], {}) for name in known if name not in names])
    return Catalogue(
        models=tuple(served),
        known=tuple(policy(entry, served=False) for entry in left),
        finders=tuple(finders),
        known_finders=tuple(left_finders),
        allow_non_commercial=allow_non_commercial,
    )


def _sort(
    entries: Sequence[ModelEntry | FinderEntry],
) -> tuple[list[ModelEntry], list[FinderEntry]]:
    """Sort entries into those that paint and those that find."""
    models = [entry for entry in entries if isinstance(entry, ModelEntry)]
    return models, [entry for entry in entries if isinstance(entry, FinderEntry)]


def read_catalogue(settings: SharedSettings) -> Catalogue:
    """Read the models that a process's settings name.

    Raises:
        SettingsError: the models file cannot be read, or breaks a rule.
    """
    path = settings.resolved_models_file()
    try:
        return load_catalogue(
            path,
            self_model=settings.self_model,
            text_finder=settings.text_finder,
            allow_non_commercial=settings.allow_non_commercial,
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"PAINTJOB_MODELS_FILE={path}: cannot be read: {reason}") from None
    except ValueError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise SettingsError(f"PAINTJOB_MODELS_FILE={path}: {reason}") from None


def read_known_models() -> dict[str, dict[str, Any]]:
    """Return the tables of the models that Paintjob knows, by name."""
    text = files(__package__).joinpath("models.toml").read_text(encoding="utf-8")
    return {table["name"]: table for table in tomllib.loads(text)["models"]}


def _read_tables(path: Path) -> list[dict[str, Any]]:
    with path.open("rb") as file:
        document = tomllib.load(file)
    unknown = set(document) - {"models"}
    if unknown:
        raise ValueError(f"{path}: only [[models]] tables are read, not {', '.join(unknown)}")
    tables = document.get("models", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ValueError(f"{path}: each model is a table of its own, [[models]]")
    return tables


def _merge(known: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a known table with the values of another, which may complete single LoRAs too."""
    merged = {**known, **table}
    loras = known.get("optional_loras")
    if isinstance(loras, Mapping) and isinstance(table.get("optional_loras"), Mapping):
        changes = table["optional_loras"]
        merged["optional_loras"] = {
            name: {**loras.get(name, {}), **changes.get(name, {})} for name in {**loras, **changes}
        }
    return merged


def _apply_policy(entry: ModelEntry, *, allow_non_commercial: bool, served: bool) -> ModelEntry:
    """Return an entry that offers only those optional LoRAs that the policy allows."""
    name = entry.name if served else None
    loras = {
        key: withhold(lora, allow_non_commercial=allow_non_commercial, model=name)
        for key, lora in entry.optional_loras.items()
    }
    return entry.model_copy(update={"optional_loras": loras})


def _complete(
    table: dict[str, Any], known: Mapping[str, dict[str, Any]]
) -> ModelEntry | FinderEntry:
    name = str(table.get("name", ""))
    whole = _merge(known.get(name, {}), table)
    try:
        is_finder = "kind" in whole or whole.get("family") in FINDER_FAMILIES
        kind = FinderEntry if is_finder else ModelEntry
        return kind.model_validate(whole)
    except ValidationError as error:
        faults = [
            f"{'.'.join(map(str, fault['loc'])) or 'it'}: {reword(fault['msg'])}"
            for fault in error.errors()
        ]
        raise ValueError(f"model {name or 'without a name'}: {'; '.join(faults)}") from None
