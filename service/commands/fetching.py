"""Fetching a model before its first job, and adding it to the models file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from service.commands.models_file import add_hashes, append_model
from service.commands.pickled import convert
from service.contract.catalogue import Catalogue, ModelEntry, load_catalogue
from service.contract.finders import FinderEntry
from service.contract.loras import find_licence_refusal

PATTERNS = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
"""Files that are fetched: settings, vocabularies, and weights in the one safe format."""

PICKLES = (".pt", ".pth", ".ckpt")
"""Endings of torch's own files, which are converted: they are programs."""

LAMA_PARAMETER = "model.1.ffc.convl2l.weight"
"""The end of the name of one parameter of the net."""


@dataclass(frozen=True)
class Source:
    """One repository of a model.

    Attributes:
        field: field of the model's table in the models file that gets its commit; empty if none.
        repository: id on the Hub.
        revision: branch, tag or commit.
        variant: variant of the weights' files.
        files: the only weights that are used; empty for all.
        lora: optional LoRA of the model whose table gets its commit; empty if none.
    """

    field: str
    repository: str
    revision: str
    variant: str | None = None
    files: tuple[str, ...] = ()
    lora: str = ""


@dataclass(frozen=True)
class Fetched:
    """The files fetched of one repository.

    Attributes:
        source: the repository.
        commit: that was fetched.
        folder: where its files lie.
        sha256: of each fetched file, by its path in the repository.
    """

    source: Source
    commit: str
    folder: Path
    sha256: dict[str, str]


def find_entry(catalogue: Catalogue, name: str) -> ModelEntry:
    """Return a model that is served or known.

    Raises:
        ValueError: no model has this name.
    """
    entry = catalogue.find_model(name) or catalogue.find_known(name)
    if entry is None:
        known = ", ".join(one.name for one in (*catalogue.models, *catalogue.known))
        raise ValueError(f"no model has the name {name}; known are {known}")
    return entry


def pull_model(
    name: str, models_file: Path, *, default: bool = False, allow_non_commercial: bool = False
) -> list[str]:
    """Fetch a model's weights into the Hub's cache, and add it to the models file.

    The present commit of its revision is written there, and the SHA-256 of each file, which every
    load checks, so that later jobs use the same weights. So are the optional LoRAs, except those
    whose license is refused; the model offers them from then on.
    Progress is shown on standard error.

    Args:
        name: name of a known model, or of one in the file.
        models_file: the deployment's file; created if missing.
        default: whether it becomes the model of `auto` and of an absent `model`.
        allow_non_commercial: whether the operator allows non-commercial licenses.

    Returns:
        One line for people about each step.

    Raises:
        ValueError: there is no such model, it has no repository, or its license is not allowed.
        OSError: it cannot be fetched, or the file cannot be written.
    """
    path = models_file if models_file.exists() else None
    catalogue = load_catalogue(path, allow_non_commercial=allow_non_commercial)
    finder = next((one for one in _list_finders(catalogue) if one.name == name), None)
    if finder is not None:
        return _pull_finder(finder, catalogue, models_file)
    entry = find_entry(catalogue, name)
    if not catalogue.allows(entry):
        raise ValueError(
            f"the license of {name}, {entry.licence}, forbids commercial use; "
            "PAINTJOB_ALLOW_NON_COMMERCIAL=true allows it"
        )
    if default and catalogue.default_model is not None:
        raise ValueError(f"{catalogue.default_model.name} is already the default in {models_file}")
    sources = list(_find_sources(entry, allow_non_commercial=allow_non_commercial))
    if not sources:
        raise ValueError(
            f"{name} is in a local folder: there is nothing to fetch; to pull it anew, delete its "
            f"table in {models_file}"
        )
    fetched = [_fetch(source) for source in sources]
    loras = {one.source.lora: one.commit for one in fetched if one.source.lora}
    done = [f"fetched {one.source.repository} at {one.commit}" for one in fetched]
    table = {one.source.field: one.commit for one in fetched if one.source.field}
    hashes = _gather_hashes(fetched)
    is_pickled = entry.kind == "eraser" and (entry.file or "").endswith(PICKLES)
    if is_pickled:
        made = _convert(entry, fetched[0], models_file.absolute().parent / "weights" / name)
        table, hashes = table | made, {made["source"]: hash_files(Path(made["source"]), ["*"])}
        done.append(f"made {made['file']} of {entry.file} in {made['source']}")
    if catalogue.find_model(name) is None:
        append_model(models_file, {"name": name, **table}, hashes, default=default, loras=loras)
        return [*done, f"{models_file} now serves {name}; restart API and workers"]
    if is_pickled:
        return [*done, f"set source and file of {name} to these in {models_file}"]
    return done + add_hashes(models_file, entry, hashes, loras)


def _list_finders(catalogue: Catalogue) -> list[FinderEntry]:
    return [one for one in (*catalogue.finders, *catalogue.known_finders) if one.source]


def _pull_finder(entry: FinderEntry, catalogue: Catalogue, models_file: Path) -> list[str]:
    """Fetch a finder's weights, and add it to the models file.

    Raises:
        ValueError: its license is not allowed, or it is served already.
        OSError: it cannot be fetched, or the file cannot be written.
    """
    if not catalogue.allows(entry):
        raise ValueError(
            f"the license of {entry.name}, {entry.licence}, forbids commercial use; "
            "PAINTJOB_ALLOW_NON_COMMERCIAL=true allows it"
        )
    if entry in catalogue.finders:
        raise ValueError(f"to pull {entry.name} anew, delete its table in {models_file}")
    fetched = [
        _fetch(Source(field, source, revision, files=files))
        for field, source, revision, files in (
            ("revision", entry.source, entry.revision, entry.files),
            ("segmenter_revision", entry.segmenter, entry.segmenter_revision, ()),
        )
        if source and revision
    ]
    table = {one.source.field: one.commit for one in fetched}
    append_model(models_file, {"name": entry.name, **table}, _gather_hashes(fetched), default=False)
    done = [f"fetched {one.source.repository} at {one.commit}" for one in fetched]
    return [*done, f"{models_file} now serves {entry.name}; restart API and workers"]


def _convert(entry: ModelEntry, fetched: Fetched, folder: Path) -> dict[str, str]:
    """Write the safetensors file of weights that were published as a pickle.

    Returns:
        Fields of the model's table that name it.
    """
    [name] = entry.traits.files
    folder.mkdir(parents=True, exist_ok=True)
    convert(fetched.folder / str(entry.file), folder / name, LAMA_PARAMETER)
    return {"source": str(folder), "file": name}


def _find_sources(entry: ModelEntry, *, allow_non_commercial: bool) -> Iterator[Source]:
    if entry.revision is not None and not Path(entry.source).exists():
        yield Source(
            "revision", entry.source, entry.revision, variant=entry.variant, files=entry.files
        )
    # Parts with their own repository have no variant.
    if entry.controlnet is not None and entry.controlnet_revision is not None:
        yield Source(
            "controlnet_revision",
            entry.controlnet,
            entry.controlnet_revision,
            files=_listed(entry.controlnet_file),
        )
    if entry.preview_vae is not None and entry.preview_vae_revision is not None:
        yield Source("preview_vae_revision", entry.preview_vae, entry.preview_vae_revision)
    for lora in entry.loras:
        if lora.revision is not None:
            yield Source("", lora.source, lora.revision, files=_listed(lora.weight_name))
    for name, optional in entry.optional_loras.items():
        refusal = find_licence_refusal(optional, allow_non_commercial=allow_non_commercial)
        if optional.revision is not None and not refusal:
            files = _listed(optional.weight_name)
            yield Source("", optional.source, optional.revision, files=files, lora=name)


def _listed(file: str | None) -> tuple[str, ...]:
    return () if file is None else (file,)


def _fetch(source: Source) -> Fetched:
    """Fetch a repository at the present commit of its revision, and hash what was fetched."""
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError:
        raise ValueError(
            "install the extra `generate`, `erase` or `find` to fetch models (see docs/models.md)"
        ) from None
    try:
        commit = HfApi().model_info(source.repository, revision=source.revision).sha
        folder = snapshot_download(
            source.repository, revision=commit, allow_patterns=_patterns(source), max_workers=4
        )
    except Exception as error:
        # Which errors there are depends on the release of the Hub's library and its HTTP client.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        message = f"{source.repository} cannot be fetched: {reason}; check the network, HF_ENDPOINT"
        raise ValueError(f"{message} and, for a gated model, HF_TOKEN") from error
    path = Path(folder)
    return Fetched(source, str(commit), path, hash_files(path, _patterns(source)))


def hash_files(folder: Path, patterns: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder that a pattern fits, by its path in it."""
    # The folder may hold files of another variant that something else fetched.
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in files}
    wanted = [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]
    return {name: _hash_file(names[name]) for name in wanted}


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _gather_hashes(fetched: Iterable[Fetched]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for one in fetched:
        found.setdefault(one.source.repository, {}).update(one.sha256)
    return found


def _patterns(source: Source) -> list[str]:
    """Return the files to fetch; of weights in several variants, only those that are used."""
    others = [pattern for pattern in PATTERNS if pattern != "*.safetensors"]
    if source.files:
        return [*others, *source.files]
    if source.variant is None:
        return list(PATTERNS)
    return [*others, f"*.{source.variant}.safetensors", f"*.{source.variant}-*.safetensors"]
