"""`paintjob config`: show the settings and where each comes from, and check that they work."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from service import store
from service.contract.catalogue import read_catalogue
from service.contract.errors import BrokerUnavailable, StoreUnavailable
from service.contract.setting_errors import (
    EXIT_BAD_SETTINGS,
    SettingsError,
    hide_passwords,
    is_service_link,
)
from service.contract.settings import (
    PREFIX,
    SETTINGS_MODELS,
    SharedSettings,
    find_given,
    import_model,
    read_settings,
)

config_app = typer.Typer(help="Show and check the settings.", no_args_is_help=True)

_PROCESSES = dict(zip(("api", "courier", "up", "worker"), SETTINGS_MODELS, strict=True))

_Read = Callable[[SharedSettings], str]


@dataclass(frozen=True)
class Finding:
    """Outcome of one check: `ok`, `warning` or `failed`, what was looked at, and what was found."""

    outcome: str
    subject: str
    text: str


@config_app.command("show")
def show(
    all_settings: Annotated[bool, typer.Option("--all", help="Defaults too.")] = False,
) -> None:
    """Print the settings, each with its source; passwords are hidden."""
    settings = read_settings(SharedSettings, os.environ)
    given = find_given(os.environ)
    for name, default in _find_defaults().items():
        derived = _derive(settings, name) if name not in given else None
        if name not in given and derived is None and not all_settings:
            continue
        value, source = derived or (given.get(name, default), "environment")
        _print(name, str(value), source if derived or name in given else "default")
    for name, value in sorted(os.environ.items()):
        if name.startswith(PREFIX) and is_service_link(name, value):
            typer.echo(f"{name} is ignored: Kubernetes sets it for a Service of that name")


@config_app.command("check")
def check() -> None:
    """Check every process's settings, the models file, the broker and the blob store.

    A blob is written, read and deleted. The exit status is 2 if anything fails.
    """
    findings = list(_check_everything())
    for finding in findings:
        text = hide_passwords(finding.text)
        typer.echo(f"{finding.outcome:<8} {finding.subject:<20} {text}".rstrip())
    if any(finding.outcome == "failed" for finding in findings):
        raise typer.Exit(EXIT_BAD_SETTINGS)


def _check_everything() -> Iterator[Finding]:
    for process, path in _PROCESSES.items():
        yield from _check_process(process, import_model(path))
    try:
        settings = read_settings(SharedSettings, os.environ)
    except SettingsError:
        # Reported above already: every process reads these.
        return
    yield _check("models file", settings, _check_models)
    yield _check("broker", settings, _check_broker)
    yield from _find_warnings(settings)
    yield _check("blob store", settings, _check_blobs)


def _check_process(process: str, model: type[BaseModel]) -> Iterator[Finding]:
    subject = f"settings of {process}"
    try:
        read_settings(model, os.environ)
    except SettingsError as error:
        yield from (Finding("failed", subject, line) for line in error.lines)
    else:
        yield Finding("ok", subject, "")


def _check(subject: str, settings: SharedSettings, read: _Read) -> Finding:
    try:
        return Finding("ok", subject, read(settings))
    except BrokerUnavailable as error:
        return Finding("failed", subject, error.cause)
    except StoreUnavailable as error:
        return Finding("failed", subject, error.cause)
    except (ValueError, OSError) as error:
        return Finding("failed", subject, str(error))


def _check_models(settings: SharedSettings) -> str:
    catalogue = read_catalogue(settings)
    file = settings.resolved_models_file() or "none"
    return (
        f"{file}; models served: {len(catalogue.models)}; queues: {', '.join(catalogue.queues())}"
    )


def _check_broker(settings: SharedSettings) -> str:
    url = settings.resolved_redis_url()
    with closing(_connect(settings)) as jobs:
        jobs.check_ready()
    return f"{url} answers"


def _find_warnings(settings: SharedSettings) -> Iterator[Finding]:
    try:
        with closing(_connect(settings)) as jobs:
            warnings = jobs.queues.load_memory().warnings
    except (BrokerUnavailable, ValueError):
        return
    yield from (Finding("warning", "broker", warning.detail) for warning in warnings)


def _connect(settings: SharedSettings) -> store.JobStore:
    url = settings.resolved_redis_url()
    return store.connect(url, namespace=settings.namespace, logs=False)


def _check_blobs(settings: SharedSettings) -> str:
    # Here and not at the top: no other command needs the library of object stores.
    from service.store.blobs import BlobStore

    url = settings.resolved_blob_url()
    BlobStore.open(url).check_writable()
    return f"{url}: a blob was written, read and deleted"


def _find_defaults() -> dict[str, Any]:
    """Return the defaults of all settings of all processes, by name."""
    return {
        name: "" if field.default is None else field.default
        for path in SETTINGS_MODELS
        for name, field in import_model(path).model_fields.items()
    }


def _derive(settings: SharedSettings, name: str) -> tuple[object, str] | None:
    """Return a setting's value that follows from others, and its source; None if none does."""
    if name == "redis_url":
        try:
            return (
                settings.resolved_redis_url(),
                "the embedded broker that runs in the data directory",
            )
        except ValueError:
            return None
    if name == "blob_url":
        return settings.resolved_blob_url(), f"from {PREFIX}DATA_DIR"
    if name == "models_file" and settings.resolved_models_file() is not None:
        return settings.resolved_models_file(), f"found in {PREFIX}DATA_DIR"
    return None


def _print(name: str, value: str, source: str) -> None:
    typer.echo(f"{PREFIX}{name.upper()}={hide_passwords(value)}  ({source})")
