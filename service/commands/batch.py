"""`paintjob batch`: paint all pictures of a folder, and go on where an earlier run stopped."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.client import (
    AsyncPaintjobClient,
    Job,
    PaintjobApiError,
    ResultDamaged,
    ServiceUnreachable,
)
from service.commands.connecting import (
    DEFAULT_URL,
    REACH_SECONDS,
    ApiKey,
    Redirect,
    ServiceUrl,
    open_client,
)
from service.commands.outputs import FORMATS, SUFFIXES, check_output
from service.commands.submit import NoStore, Tags, check_succeeded

MASK_ENDINGS = ("-mask", "_mask", ".mask")
"""Endings of a mask's name: `cat-mask.png` beside `cat.jpg`."""

PATIENCE_SECONDS = 900.0
"""Seconds for which a request is repeated: a queue may be full for a while, and nobody watches."""


@dataclass(frozen=True)
class Task:
    """One picture of the folder.

    Attributes:
        image: the picture.
        mask: the part to repaint, if it is a picture.
        output: where the result goes.
        params: the other fields of the request.
    """

    image: Path
    mask: Path | None
    output: Path
    params: dict[str, object]

    def draw_key(self, operation: str, again: bool) -> str:
        """Return an idempotency key: the same for the same request, so that none is paid twice.

        Args:
            operation: of the request.
            again: whether an earlier job of this request was not kept, or failed.
        """
        request = [operation, self.image.name, self.params]
        digest = hashlib.sha256(json.dumps(request, sort_keys=True).encode())
        for file in (self.image, self.mask):
            data = b"" if file is None else file.read_bytes()
            digest.update(hashlib.sha256(data).digest())
        if again:
            digest.update(uuid.uuid4().bytes)
        return f"paintjob-batch-{digest.hexdigest()}"


def batch(
    folder: Annotated[Path, typer.Argument(help="Its pictures.", exists=True, file_okay=False)],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")],
    operation: Annotated[str, typer.Option(help="inpaint or outpaint.")] = "inpaint",
    masks: Annotated[
        Path | None,
        typer.Option(help="Folder of the masks, named as the pictures.", exists=True),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A field of the request: --set method=patch; repeatable."),
    ] = None,
    output_format: Annotated[str, typer.Option("--format", help=", ".join(SUFFIXES))] = "png",
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Jobs that are open at once.")] = 8,
    tag: Tags = None,
    no_store: NoStore = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check all pictures, and print what they cost.")
    ] = False,
    url: ServiceUrl = DEFAULT_URL,
    key: ApiKey = None,
    redirect: Redirect = False,
) -> None:
    """Paint all pictures of FOLDER; run it again to go on where it stopped.

    Masks are cat-mask.png, cat_mask.png or cat.mask.png beside cat.jpg, or cat.png in --masks.
    Pictures whose result is there already are left out.
    """
    params = _read_settings(settings or [])
    params |= {"tags": tag, "no_store": no_store, "output_format": output_format}
    given = {name: value for name, value in params.items() if value is not None}
    tasks = find_tasks(folder, masks, output, operation, given)
    with open_client(url, key) as client:
        # A service that is dead is reported once, and not for every picture.
        client.get_version()
    if not dry_run:
        output.mkdir(parents=True, exist_ok=True)
        check_output(output / "x")
    todo = [task for task in tasks if not task.output.exists()]
    if len(todo) < len(tasks):
        typer.echo(f"{len(tasks) - len(todo)} of {len(tasks)} results are there already", err=True)
    run = _Run(operation, url, key, at_once, dry_run, redirect)
    failures = anyio.run(run.work, todo)
    if dry_run:
        typer.echo(f"{len(todo) - failures} would cost {run.cost:.2f}, {failures} are refused")
    else:
        typer.echo(f"{len(todo) - failures} painted, {failures} failed")
    if failures:
        raise ValueError(f"{failures} of {len(todo)} pictures failed; run it again to retry them")


def find_tasks(
    folder: Path, masks: Path | None, output: Path, operation: str, params: dict[str, object]
) -> list[Task]:
    """Return the pictures of a folder with their masks and results, in the order of their names.

    Raises:
        typer.BadParameter: it has no pictures, a mask is missing, or two results have one name.
    """
    if operation not in ("inpaint", "outpaint"):
        raise typer.BadParameter("must be inpaint or outpaint", param_hint="--operation")
    suffix = SUFFIXES.get(str(params["output_format"]))
    if suffix is None:
        raise typer.BadParameter(f"must be one of {', '.join(SUFFIXES)}", param_hint="--format")
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in FORMATS)
    images = [file for file in files if masks is not None or not file.stem.endswith(MASK_ENDINGS)]
    if not images:
        raise typer.BadParameter(f"{folder} has no pictures ({', '.join(FORMATS)})")
    needs_mask = operation == "inpaint" and not {"mask_source", "regions"} & set(params)
    tasks = [
        Task(
            image,
            _find_mask(image, masks) if needs_mask else None,
            output / f"{image.stem}{suffix}",
            params,
        )
        for image in images
    ]
    _check_tasks(tasks, needs_mask)
    return tasks


def _check_tasks(tasks: Sequence[Task], needs_mask: bool) -> None:
    bare = [task.image.name for task in tasks if needs_mask and task.mask is None]
    if bare:
        wanted = f"{Path(bare[0]).stem}-mask.png"
        raise typer.BadParameter(
            f"no mask for {_shorten(bare)}; put {wanted} beside it, name a folder with --masks, or "
            "use --set mask_source=alpha"
        )
    names = [task.output.name for task in tasks]
    twice = [task for task in tasks if names.count(task.output.name) > 1]
    if twice:
        same = [task.image.name for task in twice if task.output.name == twice[0].output.name]
        raise typer.BadParameter(
            f"several pictures would become {twice[0].output.name}: {_shorten(same)}; rename them"
        )


def _find_mask(image: Path, masks: Path | None) -> Path | None:
    """Return the mask of a picture, if there is one."""
    folder = image.parent if masks is None else masks
    stems = [f"{image.stem}{ending}" for ending in MASK_ENDINGS]
    stems += [image.stem] if masks is not None else []
    candidates = [folder / f"{stem}{suffix}" for stem in stems for suffix in FORMATS]
    return next((file for file in candidates if file.is_file()), None)


def _read_settings(settings: Sequence[str]) -> dict[str, object]:
    """Read `name=value` pairs; the service checks names and values."""
    pairs = [setting.partition("=") for setting in settings]
    wrong = [name for name, equals, _ in pairs if not equals or not name]
    if wrong:
        raise typer.BadParameter(f"{wrong[0]} must be name=value", param_hint="--set")
    return {name: value for name, _, value in pairs}


def _shorten(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + rest


@dataclass
class _Run:
    """One run: several pictures at once, each from its submission to its file."""

    operation: str
    url: str
    key: str | None
    at_once: int
    dry_run: bool
    redirect: bool
    cost: float = field(default=0.0, init=False)

    async def work(self, tasks: Sequence[Task]) -> int:
        """Paint or plan pictures; return how many failed.

        Raises:
            ServiceUnreachable: the service has stopped answering; what is painted is saved.
        """
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        client = AsyncPaintjobClient(
            self.url,
            api_key=self.key,
            patience_seconds=PATIENCE_SECONDS,
            reach_seconds=REACH_SECONDS,
            redirects=self.redirect,
        )
        failures: list[str] = []
        dead: list[ServiceUnreachable] = []
        limiter = anyio.CapacityLimiter(self.at_once)
        with Progress(*columns, console=Console(stderr=True)) as bar:
            shown = bar.add_task(self.operation, total=len(tasks))

            async def paint_one(task: Task) -> None:
                async with limiter:
                    try:
                        problem = await self._paint(client, task)
                    except ServiceUnreachable as error:
                        dead.append(error)
                        group.cancel_scope.cancel()
                        return
                if problem:
                    failures.append(problem)
                    bar.console.print(problem, style="red", highlight=False)
                bar.advance(shown)

            async with client, anyio.create_task_group() as group:
                for task in tasks:
                    group.start_soon(paint_one, task)
        if dead:
            raise dead[0]
        return len(failures)

    async def _paint(self, client: AsyncPaintjobClient, task: Task) -> str:
        """Paint a picture; return what went wrong, or nothing."""
        try:
            if self.dry_run:
                plan = await client.plan(self.operation, task.image, task.mask, task.params)
                self.cost += plan.cost
                return ""
            job = await client.wait((await self._submit(client, task)).id)
            check_succeeded(job)
            await client.save(job, task.output)
        except (PaintjobApiError, ResultDamaged, TimeoutError, ValueError, OSError) as error:
            return f"{task.image.name}: {error}"
        return ""

    async def _submit(self, client: AsyncPaintjobClient, task: Task) -> Job:
        """Submit a picture, or find the job that an earlier run has submitted.

        A job that an earlier run saw fail, or that is not kept any more, is painted again.
        """
        key = task.draw_key(self.operation, again=False)
        try:
            job = await self._send(client, task, key)
            is_useful = job.status not in ("failed", "canceled")
        except PaintjobApiError as error:
            if error.code != "job_expired":
                raise
            is_useful = False
        if is_useful:
            return job
        return await self._send(client, task, task.draw_key(self.operation, again=True))

    async def _send(self, client: AsyncPaintjobClient, task: Task, key: str) -> Job:
        return await client.submit(
            self.operation, task.image, task.mask, task.params, idempotency_key=key
        )
