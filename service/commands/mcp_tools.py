"""The tools of `paintjob mcp`: what an assistant can have done with the files of a folder."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import anyio
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from PIL import Image as Pictures
from pydantic import BaseModel, Field, create_model

from service.client import (
    AsyncPaintjobClient,
    Job,
    PaintjobApiError,
    ResultDamaged,
    ServiceUnreachable,
)
from service.commands.outputs import FORMATS, number_output
from service.contract.version import get_version

P = ParamSpec("P")
T = TypeVar("T")

PREVIEW_SIDE = 512
"""Pixels of the longest side of the small copy that an assistant is shown."""

CANCEL_SECONDS = 5.0
"""Limit of canceling a job when the assistant has gone."""

INSTRUCTIONS = """\
Paintjob fills part of a picture (inpaint) or extends it past its borders (outpaint). Pixels that it
keeps come back unchanged, and the answer proves it. Files are named by their path in one folder.
Look at the small copy in the answer: how good it is depends on the method and on the picture, and
`estimate` (0..1) is the method's own guess. Without a model, `patch` removes things by copying from
the surroundings, `mirror` and `pattern` extend; none of them understands what it paints."""

Region = dict[str, Any]
"""A part of the picture as `regions` of the HTTP interface takes it."""

ImagePath = Annotated[str, Field(description="The picture's path in the folder.")]
OutputPath = Annotated[
    str,
    Field(description=f"Path of the file to write; {', '.join(FORMATS)}. It must not exist."),
]
Regions = Annotated[
    list[Region] | None,
    Field(
        description='Parts to repaint, added up: {"box": [left, top, right, bottom]}, {"polygon": '
        '[[x, y], ...]}, and what is to be found: {"find": "text"}, {"find": "subject"}, '
        '{"point": [x, y]}. What this service finds depends on its configuration.'
    ),
]
Method = Annotated[str | None, Field(description="auto (default), patch, pattern, mirror, ...")]
Prompt = Annotated[str | None, Field(description="What to paint; models only.")]
Seed = Annotated[int | None, Field(description="Same seed, same picture.")]
Pixels = Annotated[int | None, Field(description="Pixels to add on this side.", ge=0)]


class PaintedFile(BaseModel):
    """A result that was written.

    Attributes:
        file: its path in the folder.
        estimate: 0..1, the method's own guess of how likely it looks right; none for some methods.
        kept_pixels: that were to be kept.
        kept_pixels_changed: of these; 0 in lossless formats.
    """

    file: str
    width: int
    height: int
    estimate: float | None
    kept_pixels: int
    kept_pixels_changed: int


class JobReport(BaseModel):
    """A job as an assistant is shown it.

    Attributes:
        job_id: for `job_status`.
        warnings: what the caller should know, in words.
        error: why it failed; none if it did not.
    """

    job_id: str
    status: str
    method: str
    progress: float
    files: list[PaintedFile] = []
    warnings: list[str] = []
    error: str | None = None


class Folder:
    """The one folder whose files may be read and written.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def find(self, path: str) -> Path:
        """Return a file to read.

        Raises:
            ToolError: there is none, or it lies outside the folder.
        """
        found = self._resolve(path)
        if not found.is_file():
            raise ToolError(f"there is no file {path}; paths are relative to {self._root}")
        return found

    def choose(self, path: str, suffixes: Mapping[str, str] = FORMATS) -> Path:
        """Return a file to write.

        Raises:
            ToolError: it exists, its folder does not, its suffix is of no format, or it lies
                outside the folder.
        """
        chosen = self._resolve(path)
        if chosen.suffix.lower() not in suffixes:
            raise ToolError(f"the suffix of {path} must be one of {', '.join(suffixes)}")
        if chosen.exists():
            raise ToolError(f"{path} exists; name another file")
        if not chosen.parent.is_dir():
            raise ToolError(f"there is no folder for {path}; create it first")
        return chosen

    def name(self, path: Path) -> str:
        """Return a file's path in the folder."""
        return path.relative_to(self._root).as_posix()

    def _resolve(self, path: str) -> Path:
        resolved = (self._root / path).resolve()
        if not resolved.is_relative_to(self._root):
            raise ToolError(f"{path} lies outside the folder {self._root}, which alone may be used")
        return resolved


def build_server(client: AsyncPaintjobClient, root: Path) -> MCPServer:
    """Build a server of the Model Context Protocol over a running service.

    Args:
        client: of the service.
        root: the folder whose files the tools may read and write.
    """
    tools = Tools(client, Folder(root))
    writes = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    listed = [
        Tool.from_function(call, annotations=writes, structured_output=False)
        for call in (tools.inpaint, tools.outpaint, tools.find)
    ]
    listed.append(Tool.from_function(tools.job_status, annotations=reads))
    return MCPServer(
        "paintjob",
        instructions=INSTRUCTIONS,
        version=get_version(),
        log_level="WARNING",
        tools=[_refuse_unknown(tool) for tool in listed],
    )


def _refuse_unknown(tool: Tool) -> Tool:
    """Return a tool that refuses arguments it does not have; the library would drop them."""
    metadata = tool.fn_metadata
    strict = create_model(
        metadata.arg_model.__name__,
        __base__=metadata.arg_model,
        __cls_kwargs__={"extra": "forbid"},
    )
    return tool.model_copy(
        update={
            "parameters": strict.model_json_schema(by_alias=True),
            "fn_metadata": metadata.model_copy(update={"arg_model": strict}),
        }
    )


def _explained(call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Return a tool whose refusals the assistant can read."""

    @functools.wraps(call)
    async def explained(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await call(*args, **kwargs)
        except (PaintjobApiError, ServiceUnreachable, ResultDamaged) as error:
            raise ToolError(str(error)) from error

    return explained


class Tools:
    """The tools; their docstrings are what the assistant reads.

    Args:
        client: of the service.
        folder: whose files they use.
    """

    def __init__(self, client: AsyncPaintjobClient, folder: Folder) -> None:
        self._client = client
        self._folder = folder

    @_explained
    async def inpaint(
        self,
        context: Context,
        image: ImagePath,
        output: OutputPath,
        mask: Annotated[
            str | None, Field(description="Path of a mask: white is repainted, black is kept.")
        ] = None,
        regions: Regions = None,
        method: Method = None,
        model: str | None = None,
        prompt: Prompt = None,
        intent: Literal["remove", "replace", "modify"] | None = None,
        quality: Literal["fast", "balanced", "best"] | None = None,
        seed: Seed = None,
    ) -> list[str | Image]:
        """Repaint part of a picture: remove an object, restore damage, or put something in.

        Name what to repaint by `mask` or by `regions`. Writes the result and returns the job, as
        JSON, with a small copy of the result.
        """
        params = {
            "regions": regions,
            "method": method,
            "model": model,
            "prompt": prompt,
            "intent": intent,
            "quality": quality,
            "seed": seed,
        }
        cover = None if mask is None else self._folder.find(mask)
        return await self._paint(context, "inpaint", image, cover, params, output)

    @_explained
    async def outpaint(
        self,
        context: Context,
        image: ImagePath,
        output: OutputPath,
        left: Pixels = None,
        top: Pixels = None,
        right: Pixels = None,
        bottom: Pixels = None,
        aspect_ratio: Annotated[
            str | None, Field(description='Such as "16:9", in place of margins.')
        ] = None,
        method: Method = None,
        model: str | None = None,
        prompt: Prompt = None,
        quality: Literal["fast", "balanced", "best"] | None = None,
        seed: Seed = None,
    ) -> list[str | Image]:
        """Extend a picture past its borders, by margins in pixels or to an aspect ratio.

        Writes the result and returns the job, as JSON, with a small copy of the result.
        """
        params = {
            "left": left,
            "top": top,
            "right": right,
            "bottom": bottom,
            "aspect_ratio": aspect_ratio,
            "method": method,
            "model": model,
            "prompt": prompt,
            "quality": quality,
            "seed": seed,
        }
        return await self._paint(context, "outpaint", image, None, params, output)

    @_explained
    async def find(
        self, context: Context, image: ImagePath, output: OutputPath, regions: Regions
    ) -> list[str | Image]:
        """Find things in a picture and write their mask, a PNG, without painting.

        The mask can then be looked at, and passed to `inpaint`.
        """
        return await self._paint(context, "masks", image, None, {"regions": regions}, output)

    @_explained
    async def job_status(self, job_id: str) -> JobReport:
        """Return the present state of a job."""
        return report_job(await self._client.get_job(job_id))

    async def _paint(
        self,
        context: Context,
        operation: str,
        image: str,
        mask: Path | None,
        params: Mapping[str, object],
        output: str,
    ) -> list[str | Image]:
        target = self._folder.choose(output)
        asked = {**params, "output_format": FORMATS[target.suffix.lower()]}
        source = self._folder.find(image)
        job = await self._wait(await self._client.submit(operation, source, mask, asked))
        await context.report_progress(1.0, 1.0, job.status)
        if job.status != "succeeded":
            raise ToolError(_describe_end(job))
        files = []
        for one in job.outputs:
            file = number_output(target, one.index, len(job.outputs))
            await self._client.save(job, file, one.index)
            files.append(file)
        report = report_job(job, [self._folder.name(file) for file in files])
        return [report.model_dump_json(exclude_none=True), Image(data=shrink(files[0]))]

    async def _wait(self, job: Job) -> Job:
        """Wait for a job; it is canceled if the assistant no longer wants the answer."""
        try:
            return await self._client.wait(job.id)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(CANCEL_SECONDS, shield=True):
                await self._client.cancel(job.id)
            raise


def report_job(job: Job, files: list[str] | None = None) -> JobReport:
    """Return what an assistant is shown of a job, with the files that its results are in."""
    return JobReport(
        job_id=job.id,
        status=job.status,
        method=job.method,
        progress=1.0 if job.is_finished or job.progress is None else job.progress.fraction,
        files=[
            PaintedFile(
                file=file,
                width=one.width,
                height=one.height,
                estimate=one.estimate,
                kept_pixels=one.proof.kept_pixels,
                kept_pixels_changed=one.proof.kept_pixels_changed,
            )
            for file, one in zip(files or [], job.outputs, strict=False)
        ],
        warnings=[f"{warning.code}: {warning.detail}" for warning in job.warnings],
        error=None if job.error is None else f"{job.error.title}: {job.error.detail}",
    )


def shrink(path: Path) -> bytes:
    """Return a small copy of a picture, as PNG."""
    with Pictures.open(path) as picture:
        picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        small = BytesIO()
        picture.convert("RGBA" if "A" in picture.getbands() else "RGB").save(small, "PNG")
    return small.getvalue()


def _describe_end(job: Job) -> str:
    reason = f": {job.error.title}: {job.error.detail}" if job.error else ""
    return f"{job.id} {job.status}{reason}"
