"""`paintjob submit`: send a picture, watch it being painted, save the result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from service.client import ClientJob, PaintjobClient, Picture

DEFAULT_URL = "http://127.0.0.1:8080"

submit_app = typer.Typer(help="Send a picture to a running service.", no_args_is_help=True)

ImageFile = Annotated[Path, typer.Argument(help="The picture.", exists=True, dir_okay=False)]
OutputFile = Annotated[
    Path, typer.Option("--output", "-o", help="Where to save; the suffix chooses the format.")
]
ServiceUrl = Annotated[str, typer.Option("--url", help="Where the service is.")]
Method = Annotated[str | None, typer.Option(help="How to paint; see GET /methods.")]
Model = Annotated[str | None, typer.Option(help="Name of a configured model.")]
Prompt = Annotated[str | None, typer.Option(help="What to paint; generate only.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same picture.")]
Quality = Annotated[str | None, typer.Option(help="fast, balanced or best; weight-free methods.")]
Margin = Annotated[int | None, typer.Option(help="Pixels to add on this side.")]

_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


@submit_app.command()
def inpaint(
    image: ImageFile,
    output: OutputFile,
    mask: Annotated[
        Path, typer.Option(help="White is repainted, black is kept.", exists=True, dir_okay=False)
    ],
    url: ServiceUrl = DEFAULT_URL,
    method: Method = None,
    model: Model = None,
    prompt: Prompt = None,
    seed: Seed = None,
    quality: Quality = None,
    grow: Annotated[int | None, typer.Option(help="Pixels to widen the mask by.")] = None,
    source_mask: Annotated[
        Path | None,
        typer.Option(help="White may be copied from; patch only.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Repaint what the mask marks."""
    params = {
        "method": method,
        "model": model,
        "prompt": prompt,
        "seed": seed,
        "quality": quality,
        "grow": grow,
    }
    _submit(
        "inpaint", url, {"image": image, "mask": mask, "source_mask": source_mask}, params, output
    )


@submit_app.command()
def outpaint(
    image: ImageFile,
    output: OutputFile,
    url: ServiceUrl = DEFAULT_URL,
    method: Method = None,
    model: Model = None,
    prompt: Prompt = None,
    seed: Seed = None,
    left: Margin = None,
    top: Margin = None,
    right: Margin = None,
    bottom: Margin = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="Such as 16:9.")] = None,
    anchor: Annotated[str | None, typer.Option(help="Where the original lies.")] = None,
    quality: Quality = None,
    mirror_style: Annotated[str | None, typer.Option(help="exact or guided; mirror only.")] = None,
) -> None:
    """Extend the picture past its borders: by margins, or to an aspect ratio."""
    params = {
        "method": method,
        "model": model,
        "prompt": prompt,
        "seed": seed,
        "left": left,
        "top": top,
        "right": right,
        "bottom": bottom,
        "aspect_ratio": aspect_ratio,
        "anchor": anchor,
        "quality": quality,
        "mirror_style": mirror_style,
    }
    _submit("outpaint", url, {"image": image}, params, output)


def describe_proof(job: ClientJob) -> str:
    """Tell in one line what the service proved of a finished job's first result."""
    output = job.outputs[0]
    proof = output.proof
    return (
        f"{output.width}x{output.height} {output.format}, painted by {job.method}; "
        f"kept pixels: {proof.kept_pixels}, changed: {proof.kept_pixels_changed}"
    )


def _submit(
    operation: str,
    url: str,
    pictures: Mapping[str, Path | None],
    params: Mapping[str, object],
    output: Path,
) -> None:
    output_format = _FORMATS.get(output.suffix.lower())
    if output_format is None:
        raise typer.BadParameter(f"the suffix must be one of {', '.join(_FORMATS)}")
    with PaintjobClient(url) as client:
        read = {name: _read_picture(path) for name, path in pictures.items() if path is not None}
        job = client.submit(operation, **read, params={**params, "output_format": output_format})
        job = _watch(client, job)
        for warning in job.warnings:
            typer.echo(f"warning: {warning.code}: {warning.detail}", err=True)
        if job.status != "succeeded":
            reason = f"{job.error.title}: {job.error.detail}" if job.error else job.status
            raise ValueError(f"{job.id} {job.status}: {reason}")
        output.write_bytes(client.get_result(job.id))
    typer.echo(f"{output}: {describe_proof(job)}")


def _watch(client: PaintjobClient, job: ClientJob) -> ClientJob:
    """Show a job's progress until it ends."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(job.status, total=1.0)

        def show(now: ClientJob) -> None:
            stage = now.progress.stage if now.progress and not now.is_finished else now.status
            fraction = now.progress.fraction if now.progress else 0.0
            bar.update(task, description=stage, completed=1.0 if now.is_finished else fraction)

        return client.wait(job.id, show)


def _read_picture(path: Path) -> Picture:
    return path.name, path.read_bytes()
