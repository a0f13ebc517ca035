"""`paintjob chaos`."""

from __future__ import annotations

import os
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer


def chaos(
    seed: Annotated[int, typer.Option(help="Of faults, jobs and pictures.")] = 1,
    seconds: Annotated[float, typer.Option(min=10, help="How long faults are injected.")] = 60.0,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Workers.")] = 3,
    clients: Annotated[int, typer.Option(min=1, max=256, help="Submissions at once.")] = 12,
    submissions: Annotated[int, typer.Option(min=1, help="Submissions at the most.")] = 1_000_000,
    faults_per_minute: Annotated[float, typer.Option(min=0.1, help="On average.")] = 30.0,
    report: Annotated[
        Path | None, typer.Option(help="HTML file for the timeline and a plot.")
    ] = None,
) -> None:
    """Kill, stop and cut a whole deployment at random, and check that no job is lost.

    For developers; needs the extra `chaos`. Runs on loopback, in a temporary folder.
    """
    if find_spec("psutil") is None:
        raise ValueError("paintjob chaos needs psutil: install the extra paintjob[chaos]")
    # Imported here, because they need the extra.
    from service.local.chaos.report import draw_report, summarize
    from service.local.chaos.soak import SoakOptions, run_soak

    options = SoakOptions(seed, seconds, workers, clients, submissions, faults_per_minute)
    with tempfile.TemporaryDirectory(prefix="paintjob-chaos-") as directory:
        result = run_soak(options, Path(directory), os.environ, typer.echo)
    if report is not None:
        report.write_text(draw_report(result))
    for line in summarize(result):
        typer.echo(line)
    if result.problems:
        raise typer.Exit(1)
