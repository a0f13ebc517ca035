"""The command line. It starts other programs by `python -m …` and imports none of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError

from service import store
from service.client import PaintjobApiError, ResultDamaged, ServiceUnreachable
from service.commands.batch import batch
from service.commands.batches import batches_app
from service.commands.config import config_app
from service.commands.jobs import jobs_app, usage
from service.commands.keys import keys_app
from service.commands.masks import masks
from service.commands.mcp_server import mcp
from service.commands.models import models_app
from service.commands.submit import submit_app
from service.commands.top import top
from service.commands.webhooks import webhooks_app
from service.config import ServiceSettings
from service.contract.errors import BrokerUnavailable, PaintjobError
from service.contract.faults import reword
from service.contract.setting_errors import EXIT_BAD_SETTINGS, SettingsError, hide_passwords
from service.contract.settings import PREFIX, SharedSettings, read_settings
from service.contract.version import get_version
from service.local.broker import BrokerError
from service.local.chaos.command import chaos
from service.local.deployment import UpOptions, run_up
from service.local.settings import UpSettings, complete
from service.local.supervisor import StartError
from service.verify.command import verify

app = typer.Typer(
    name="paintjob",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(models_app, name="models")
app.add_typer(keys_app, name="keys")
app.add_typer(config_app, name="config")
app.add_typer(submit_app, name="submit")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(jobs_app, name="jobs")
app.add_typer(batches_app, name="batches")
app.command()(masks)
app.command()(batch)
app.command()(usage)
app.command()(verify)
app.command()(mcp)
app.command()(top)
app.command()(chaos)

DataDir = Annotated[
    Path | None, typer.Option(help="Folder of blobs, broker and logs [PAINTJOB_DATA_DIR].")
]
ModelsFile = Annotated[
    Path | None, typer.Option(help="TOML file of the models [PAINTJOB_MODELS_FILE].")
]
Host = Annotated[str | None, typer.Option(help="Address to listen on [PAINTJOB_HOST].")]
Port = Annotated[int | None, typer.Option(help="Port; 0 takes a free one [PAINTJOB_PORT].")]


FAILED, UNREACHABLE = 1, 3
"""Exit statuses; 2, a wrong command line, is Typer's."""

_EXPECTED = (BrokerError, StartError, PaintjobError, PaintjobApiError, ResultDamaged)


_KEY_ADVICE = "; pass a key by --key or PAINTJOB_KEY"


def _is_about_key(error: Exception) -> bool:
    return isinstance(error, PaintjobApiError) and error.code == "unauthorized"


def main() -> None:
    """Run the command line; an expected error is printed in one line.

    The exit status is 1 when something failed or was refused, 2 when settings or the command line
    are wrong, 3 when the service does not answer, and 130 after Ctrl-C.
    """
    try:
        app()
    except SettingsError as error:
        _fail(*error.lines, status=EXIT_BAD_SETTINGS)
    except ValidationError as error:
        _fail("; ".join(_describe(fault["loc"], fault["msg"]) for fault in error.errors()))
    except BrokerUnavailable as error:
        _fail(f"the broker cannot be used: {error.cause}" if error.cause else str(error))
    except (*_EXPECTED, ValueError, OSError) as error:
        _fail(f"{error}{_KEY_ADVICE}" if _is_about_key(error) else str(error))
    except ServiceUnreachable as error:
        _fail(
            f"the service does not answer: {error}; check --url, and that it runs",
            status=UNREACHABLE,
        )


@app.callback(invoke_without_command=True)
def describe_program(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Repaint part of a picture, or extend it past its borders, and prove what was kept."""
    if version:
        typer.echo(get_version())
        raise typer.Exit


@app.command()
def up(
    workers: Annotated[int, typer.Option(min=1, help="Workers of the weight-free methods.")] = 1,
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    models_file: ModelsFile = None,
    verbose: Annotated[bool, typer.Option(help="Show the programs' output here.")] = False,
) -> None:
    """Run everything on this machine until Ctrl-C: broker, API, workers, courier.

    A broker of its own is started unless PAINTJOB_REDIS_URL names one.
    """
    environ = complete(_environ(host=host, port=port, data_dir=data_dir, models_file=models_file))
    settings = UpSettings.from_env(environ)
    run_up(settings, environ, UpOptions(workers=workers, verbose=verbose), _print)


@app.command()
def serve(host: Host = None, port: Port = None, data_dir: DataDir = None) -> None:
    """Run the HTTP API alone, under gunicorn."""
    environ = _environ(host=host, port=port, data_dir=data_dir)
    # gunicorn would report invalid settings by a traceback.
    ServiceSettings.from_env(environ)
    _become(
        ["gunicorn", "--config", "python:service.api.gunicorn_conf", "service.api.wsgi:app"],
        environ,
    )


@app.command()
def worker(
    queue: Annotated[
        str | None, typer.Option(help="Queue to serve; paint-cpu by default [PAINTJOB_QUEUE].")
    ] = None,
    data_dir: DataDir = None,
    models_file: ModelsFile = None,
) -> None:
    """Run one worker."""
    _become(["worker"], _environ(queue=queue, data_dir=data_dir, models_file=models_file))


@app.command()
def courier(data_dir: DataDir = None) -> None:
    """Run the process that requeues jobs of dead workers, deletes expired jobs, sends webhooks."""
    _become(["service.courier"], _environ(data_dir=data_dir))


@app.command()
def workers(
    name: Annotated[str, typer.Option(help="Only workers whose name begins with this.")] = "",
    data_dir: DataDir = None,
) -> None:
    """List the workers that are online; exit status 1 when there is none."""
    settings = read_settings(SharedSettings, _environ(data_dir=data_dir))
    url = settings.resolved_redis_url()
    jobs = store.connect(url, namespace=settings.namespace, logs=False)
    found = [worker for worker in jobs.presence.load_workers() if worker.name.startswith(name)]
    jobs.redis.close()
    for worker in found:
        typer.echo(f"{worker.name:<40} {worker.queue:<20} {worker.state:<9} {worker.seen_at:%X}")
    if not any(worker.state != "broken" for worker in found):
        raise ValueError("no worker is online; start one with `paintjob worker`")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(get_version())


def _environ(**overrides: object) -> dict[str, str]:
    """Return this process's environment, with the command line's options added."""
    given = {
        f"{PREFIX}{name.upper()}": str(value)
        for name, value in overrides.items()
        if value is not None
    }
    return {**os.environ, **given}


def _become(module_and_arguments: list[str], environ: dict[str, str]) -> NoReturn:
    """Replace this process by another program, so that signals reach it directly."""
    argv = [sys.executable, "-m", *module_and_arguments]
    os.execve(sys.executable, argv, environ)  # noqa: S606 - the command lines are our own


_print: Callable[[str], None] = typer.echo


def _describe(location: tuple[int | str, ...], message: str) -> str:
    """Return the text of a fault of one setting, or, without a location, of several."""
    text = reword(message)
    name = ".".join(str(part) for part in location).upper()
    return f"{PREFIX}{name}: {text}" if name else text


def _fail(*lines: str, status: int = FAILED) -> NoReturn:
    for line in lines:
        typer.echo(f"paintjob: {hide_passwords(line)}", err=True)
    raise SystemExit(status)


if __name__ == "__main__":
    main()
