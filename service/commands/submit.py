"""`paintjob submit`: send a picture, show the progress, save the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from service.client import Job, PaintjobClient
from service.client.forms import JobMask
from service.commands.connecting import DEFAULT_URL, ApiKey, Redirect, ServiceUrl, open_client
from service.commands.outputs import check_output, find_format, number_output
from service.commands.showing import show_picture

submit_app = typer.Typer(help="Send a picture to a running service.", no_args_is_help=True)

ImageFile = Annotated[Path, typer.Argument(help="The picture.", exists=True, dir_okay=False)]
OutputFile = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="File for the result; its suffix chooses the format."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the plan, as JSON.")]
Method = Annotated[str | None, typer.Option(help="Painting method; see GET /methods.")]
Model = Annotated[str | None, typer.Option(help="Name of a configured model.")]
Prompt = Annotated[str | None, typer.Option(help="What to paint; generate only.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same picture.")]
NumImages = Annotated[
    int | None, typer.Option(help="Variants; several are saved as out-0.png, out-1.png, …")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Text to find it by; repeatable.")]
NoStore = Annotated[
    bool | None, typer.Option("--no-store", help="Wipe it at the service once it is fetched.")
]
Show = Annotated[bool, typer.Option("--show", help="Show the results in the terminal.")]
Quality = Annotated[str | None, typer.Option(help="fast, balanced or best; weight-free methods.")]
OutputQuality = Annotated[int | None, typer.Option(help="1 to 100; jpeg, webp and avif.")]
OutputLossless = Annotated[
    bool | None, typer.Option("--output-lossless", help="Keep every pixel; webp only.")
]
KeepMetadata = Annotated[
    bool | None, typer.Option("--keep-metadata", help="Keep the EXIF in the result.")
]
Convert = Annotated[
    str | None, typer.Option(help="srgb: convert a picture in CMYK instead of refusing it.")
]
MaskFile = Annotated[
    Path | None,
    typer.Option(help="White is repainted, black is kept.", exists=True, dir_okay=False),
]
MaskSource = Annotated[
    str | None, typer.Option(help="alpha: repaint the transparent part of the picture.")
]
RegionsFile = Annotated[
    Path | None,
    typer.Option(
        help="JSON list of places to mark, and of things to be found.", exists=True, dir_okay=False
    ),
]
Finds = Annotated[
    list[str] | None,
    typer.Option(
        "--find", help="text, subject, background, or words for what to mark; repeatable."
    ),
]
MaskJob = Annotated[str | None, typer.Option(help="Id of a job whose mask is used.")]
SourceMaskFile = Annotated[
    Path | None,
    typer.Option(help="White: may be copied from; patch only.", exists=True, dir_okay=False),
]
ReferenceFile = Annotated[
    Path | None,
    typer.Option(
        help="A picture that the model looks at; models that take one.", exists=True, dir_okay=False
    ),
]
Intent = Annotated[
    str | None, typer.Option(help="remove, replace or modify; extend with outpaint.")
]
Preset = Annotated[str | None, typer.Option(help="Name of a preset of the model.")]
Loras = Annotated[
    list[str] | None,
    typer.Option("--lora", help="LoRA of the model: NAME or NAME:SCALE; repeatable."),
]
Ground = Annotated[str | None, typer.Option(help="auto or ignore; weight-free methods only.")]
Margin = Annotated[int | None, typer.Option(help="Pixels to add on this side.")]
# As text: the service uses the decimal number, not the nearest binary one.
Percent = Annotated[str | None, typer.Option(help="Percent of the side to add on this side.")]
CanvasSide = Annotated[int | None, typer.Option(help="Pixels of the canvas.")]
Position = Annotated[int | None, typer.Option(help="Position of the original on the canvas.")]

_NOT_FIELDS = frozenset(
    {
        "image",
        "output",
        "url",
        "key",
        "redirect",
        "dry_run",
        "show",
        "mask",
        "mask_job",
        "find",
        "source_mask",
        "reference_image",
        "regions",
        "tag",
        "lora",
    }
)
"""Options of a command that are not fields of the request."""


@dataclass(frozen=True)
class Goal:
    """Choices about the answer.

    Attributes:
        output: file for the result.
        dry_run: whether only the plan is asked for.
        show: whether the results are shown in the terminal.
    """

    output: Path | None
    dry_run: bool
    show: bool


@submit_app.command()
def inpaint(
    image: ImageFile,
    output: OutputFile = None,
    mask: MaskFile = None,
    mask_source: MaskSource = None,
    regions: RegionsFile = None,
    find: Finds = None,
    mask_job: MaskJob = None,
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
    redirect: Redirect = False,
    dry_run: DryRun = False,
    show: Show = False,
    intent: Intent = None,
    method: Method = None,
    model: Model = None,
    preset: Preset = None,
    lora: Loras = None,
    prompt: Prompt = None,
    reference_image: ReferenceFile = None,
    seed: Seed = None,
    quality: Quality = None,
    ground: Ground = None,
    mask_polarity: Annotated[
        str | None, typer.Option(help="white_repaints or black_repaints.")
    ] = None,
    mask_threshold: Annotated[
        int | None, typer.Option(help="Luminance from which a pixel is white.")
    ] = None,
    grow: Annotated[int | None, typer.Option(help="Pixels to widen the mask by.")] = None,
    feather: Annotated[
        int | None, typer.Option(help="Pixels inward over which the painting fades in.")
    ] = None,
    source_mask: SourceMaskFile = None,
    output_quality: OutputQuality = None,
    output_lossless: OutputLossless = None,
    keep_metadata: KeepMetadata = None,
    convert: Convert = None,
    num_images: NumImages = None,
    tag: Tags = None,
    no_store: NoStore = None,
) -> None:
    """Repaint the masked part; the mask is a picture, the image's transparency, or regions."""
    given = locals()
    pictures: dict[str, Path | JobMask | None] = {
        "image": image,
        "mask": mask if mask_job is None else {"job": mask_job},
        "source_mask": source_mask,
        "reference_image": reference_image,
    }
    params = _choose_fields(given)
    params["regions"] = read_regions(regions, find)
    if mask is not None and mask_job is not None:
        raise typer.BadParameter("send a mask or --mask-job, not both")
    goal = Goal(output, dry_run, show)
    _submit("inpaint", open_client(url, key, redirect), pictures, params, goal)


@submit_app.command()
def outpaint(
    image: ImageFile,
    output: OutputFile = None,
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
    redirect: Redirect = False,
    dry_run: DryRun = False,
    show: Show = False,
    intent: Intent = None,
    method: Method = None,
    model: Model = None,
    preset: Preset = None,
    lora: Loras = None,
    prompt: Prompt = None,
    reference_image: ReferenceFile = None,
    seed: Seed = None,
    left: Margin = None,
    top: Margin = None,
    right: Margin = None,
    bottom: Margin = None,
    left_percent: Percent = None,
    top_percent: Percent = None,
    right_percent: Percent = None,
    bottom_percent: Percent = None,
    aspect_ratio: Annotated[str | None, typer.Option(help="Such as 16:9.")] = None,
    width: CanvasSide = None,
    height: CanvasSide = None,
    x: Position = None,
    y: Position = None,
    zoom_out: Annotated[str | None, typer.Option(help="Factor for width and height.")] = None,
    anchor: Annotated[str | None, typer.Option(help="Place of the original.")] = None,
    overlap: Annotated[
        int | None, typer.Option(help="Pixels of the original that may be blended over.")
    ] = None,
    quality: Quality = None,
    ground: Ground = None,
    mirror_style: Annotated[str | None, typer.Option(help="exact or guided; mirror only.")] = None,
    output_quality: OutputQuality = None,
    output_lossless: OutputLossless = None,
    keep_metadata: KeepMetadata = None,
    convert: Convert = None,
    num_images: NumImages = None,
    tag: Tags = None,
    no_store: NoStore = None,
) -> None:
    """Extend the picture past its borders: by margins, to an aspect ratio, a size, or a factor."""
    given = locals()
    params = _choose_fields(given)
    pictures: dict[str, Path | JobMask | None] = {
        "image": image,
        "reference_image": reference_image,
    }
    goal = Goal(output, dry_run, show)
    _submit("outpaint", open_client(url, key, redirect), pictures, params, goal)


def _choose_fields(given: Mapping[str, Any]) -> dict[str, object]:
    """Return the fields of the request among a command's options."""
    fields = {name: value for name, value in given.items() if name not in _NOT_FIELDS}
    loras = [parse_lora(text) for text in given["lora"] or ()]
    return {**fields, "tags": given["tag"], "loras": loras or None}


def parse_lora(text: str) -> dict[str, object]:
    """Parse `NAME` or `NAME:SCALE`.

    Raises:
        typer.BadParameter: it is neither.
    """
    name, colon, scale = text.partition(":")
    if not colon:
        return {"name": name}
    try:
        return {"name": name, "scale": float(scale)}
    except ValueError:
        raise typer.BadParameter("must be NAME or NAME:SCALE", param_hint="--lora") from None


def describe_proof(job: Job, index: int = 0) -> str:
    """Return one line about the proof of one of a finished job's results."""
    output = job.outputs[index]
    proof = output.proof
    line = (
        f"{output.width}x{output.height} {output.format}, painted by {job.method}; "
        f"kept pixels: {proof.kept_pixels}, changed: {proof.kept_pixels_changed}"
    )
    is_lossy = proof.kept_pixels_changed > 0
    return f"{line} ({output.format} is lossy; png keeps all)" if is_lossy else line


def _submit(
    operation: str,
    client: PaintjobClient,
    pictures: Mapping[str, Path | JobMask | None],
    params: Mapping[str, object],
    goal: Goal,
) -> None:
    output = goal.output
    asked = {**params, "output_format": None if output is None else find_format(output)}
    read: dict[str, Any] = {name: path for name, path in pictures.items() if path is not None}
    image, mask = read["image"], read.get("mask")
    others: Any = {name: read.get(name) for name in ("source_mask", "reference_image")}
    with client:
        if goal.dry_run:
            plan = client.plan(operation, image, mask, asked, **others)
            typer.echo(plan.model_dump_json(indent=2))
        elif output is None:
            raise typer.BadParameter("name the file for the result with --output")
        else:
            check_output(output)
            job = client.submit(operation, image, mask, asked, **others)
            _paint(client, job, output, show=goal.show)


def _paint(client: PaintjobClient, job: Job, output: Path, *, show: bool) -> None:
    """Wait for a job, save its results, and print a summary."""
    job = watch(client, job)
    for warning in job.warnings:
        typer.echo(f"warning: {warning.code}: {warning.detail}", err=True)
    check_succeeded(job)
    for one in job.outputs:
        file = number_output(output, one.index, len(job.outputs))
        client.save(job, file, one.index)
        typer.echo(f"{file}: {describe_proof(job, one.index)}")
        if show:
            show_picture(file)


def check_succeeded(job: Job) -> None:
    """Check the end of a job.

    Raises:
        ValueError: it has no result.
    """
    if job.status != "succeeded":
        reason = f"{job.error.title}: {job.error.detail}" if job.error else job.status
        raise ValueError(f"{job.id} {job.status}: {reason}")


def watch(client: PaintjobClient, job: Job) -> Job:
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

        def tell(now: Job) -> None:
            stage = now.progress.stage if now.progress and not now.is_finished else now.status
            fraction = now.progress.fraction if now.progress else 0.0
            bar.update(task, description=stage, completed=1.0 if now.is_finished else fraction)

        return client.wait(job.id, tell)


def read_regions(path: Path | None, finds: list[str] | None) -> str | None:
    """Return regions as JSON: those of a file, then what is to be found; None without any.

    The service checks the content of the file.
    """
    text = None if path is None else _read_text(path)
    if not finds:
        return text
    wanted = [{"find": words} for words in finds]
    try:
        return json.dumps([*(json.loads(text) if text else []), *wanted])
    except (ValueError, TypeError):
        message = "must be a JSON list where --find adds to it"
        raise typer.BadParameter(message, param_hint="--regions") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        message = "must be a text file with a JSON list; pass a mask picture with --mask"
        raise typer.BadParameter(message, param_hint="--regions") from None
