"""The demonstration: starts the whole service, paints real photos over HTTP, shows the results.

Run it with `make demo`: every weight-free method is used at least once. `make demo-generate` paints
with the built-in model, which needs torch but no weights, twice over with another seed. Inputs and
results end up side by side on one sheet. It fails when a job fails, or when one kept pixel differs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

# Run as a script, Python finds the sheet beside this file, and the package where it is installed.
from contact_sheet import Row, draw_contact_sheet
from PIL import Image, ImageChops, ImageDraw, ImageFont

from service.client import Job, PaintjobClient

PICTURES = Path(__file__).parent / "pictures"
OUTPUT = Path(__file__).parent.parent / "demo-output"
READY_LINE = "Paintjob is ready at "
STOP_SECONDS = 60
JOB_SECONDS = 60.0


@dataclass(frozen=True)
class Task:
    """One picture to be painted: what is sent, with what is written over it beforehand."""

    name: str
    operation: str
    image: str
    params: Mapping[str, object]
    mask: str | None = None
    caption: str = ""


TASKS = (
    Task(
        "inpaint-object", "inpaint", "rocket.jpg", {"method": "patch", "seed": 1}, "rocket-mask.png"
    ),
    Task(
        "inpaint-scratch",
        "inpaint",
        "coffee.jpg",
        {"method": "patch", "seed": 1},
        "coffee-mask.png",
    ),
    Task(
        "outpaint-mirror",
        "outpaint",
        "cat.png",
        {"method": "mirror", "left": 120, "top": 40, "right": 120, "bottom": 40, "seed": 1},
    ),
    Task(
        "outpaint-pattern",
        "outpaint",
        "coffee.jpg",
        {"method": "pattern", "aspect_ratio": "16:9", "anchor": "center", "seed": 1},
    ),
    Task(
        "text-removed",
        "inpaint",
        "rocket.jpg",
        {"method": "patch", "regions": [{"find": "text"}], "seed": 1},
        caption="LAUNCH COMPLEX 41",
    ),
)


GENERATED = (
    *(
        Task(
            f"generate-object-{seed}",
            "inpaint",
            "rocket.jpg",
            {"method": "generate", "seed": seed},
            "rocket-mask.png",
        )
        for seed in (1, 2)
    ),
    *(
        Task(
            f"generate-wider-{seed}",
            "outpaint",
            "cat.png",
            {"method": "generate", "left": 80, "right": 80, "seed": seed},
        )
        for seed in (1, 2)
    ),
)


def main(tasks: Sequence[Task], sheet: Path) -> int:
    """Run the demonstration.

    Args:
        tasks: what to paint; those that generate need the built-in model.
        sheet: where inputs and results are drawn side by side.

    Returns:
        0 when every job succeeded and no kept pixel differs, else 1.
    """
    OUTPUT.mkdir(exist_ok=True)
    started = time.monotonic()
    generates = any(task.params["method"] == "generate" for task in tasks)
    with (
        tempfile.TemporaryDirectory(prefix="paintjob-demo-") as data_dir,
        running_service(Path(data_dir), self_model=generates) as url,
        PaintjobClient(url) as client,
    ):
        say(f"it came up in {time.monotonic() - started:.1f} s\n")
        jobs = [(task, time.monotonic(), submit(client, task)) for task in tasks]
        rows = [paint(client, task, began, job) for task, began, job in jobs]
        say("")
    draw_contact_sheet(rows, sheet)
    say(f"\ncontact sheet: {sheet}")
    say(f"done in {time.monotonic() - started:.1f} s")
    return 0 if all(row.changed == 0 for row in rows) else 1


@contextmanager
def running_service(data_dir: Path, *, self_model: bool) -> Iterator[str]:
    """Run `paintjob up` on free ports; gives its URL, and stops it at the end."""
    environ = {**os.environ, "PAINTJOB_SELF_MODEL": str(self_model).lower()}
    argv = [sys.executable, "-m", "service.cli", "up", "--port", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen(  # noqa: S603 - our own
        argv, stdout=subprocess.PIPE, text=True, env=environ
    )
    try:
        yield read_url(process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            say(process.communicate(timeout=STOP_SECONDS)[0].rstrip())
        except subprocess.TimeoutExpired:
            # Its children die with it.
            process.kill()
            process.wait()
            raise


def read_url(process: subprocess.Popen[str]) -> str:
    """Read the status lines of `up` until it says where it is ready.

    Raises:
        RuntimeError: it ended before.
    """
    if process.stdout is None:
        raise RuntimeError("its output must be a pipe")
    while line := process.stdout.readline():
        say(line.rstrip())
        if line.startswith(READY_LINE):
            return line.removeprefix(READY_LINE).strip()
    raise RuntimeError("paintjob up ended before it was ready")


def submit(client: PaintjobClient, task: Task) -> Job:
    """Send a task's pictures."""
    mask = PICTURES / task.mask if task.mask else None
    return client.submit(
        task.operation,
        (f"{task.name}.png", encode(draw_input(task))),
        (mask.name, mask.read_bytes()) if mask else None,
        task.params,
    )


def draw_input(task: Task) -> Image.Image:
    """Return the picture of a task, RGB, with its caption."""
    picture = Image.open(PICTURES / task.image).convert("RGB")
    if task.caption:
        place, font = (picture.width / 2, 60), ImageFont.load_default(40)
        ImageDraw.Draw(picture).text(
            place, task.caption, font=font, anchor="mm", stroke_width=2, stroke_fill="black"
        )
    return picture


def encode(picture: Image.Image) -> bytes:
    """Return a picture as PNG."""
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def find_mask(client: PaintjobClient, task: Task, job: Job) -> Image.Image | None:
    """Return what was repainted: the mask that was sent, or the one that was found."""
    if task.operation == "outpaint":
        return None
    if task.mask:
        return Image.open(PICTURES / task.mask).convert("L")
    return Image.open(BytesIO(client.get_mask(job.id))).convert("L")


def paint(client: PaintjobClient, task: Task, began: float, job: Job) -> Row:
    """Wait for a job, save its result, and check it once more on this side.

    Raises:
        RuntimeError: the job failed.
    """
    job = client.wait(job.id, timeout_seconds=JOB_SECONDS)
    if job.status != "succeeded":
        raise RuntimeError(f"{task.name}: {job.status}: {job.error}")
    path = OUTPUT / f"{task.name}.png"
    client.save(job, path)
    seconds = time.monotonic() - began
    before = draw_input(task)
    after = Image.open(path).convert("RGB")
    mask = find_mask(client, task, job)
    proof = job.outputs[0].proof
    corner = original_corner(before, after, task)
    changed = max(proof.kept_pixels_changed, count_changed(before, mask, after, corner))
    paint_seconds = (job.timings.paint_seconds if job.timings else None) or 0.0
    say(
        f"{task.operation:<9}{job.method:<9}{path}  in {seconds:.2f} s (painted in "
        f"{paint_seconds:.2f} s); kept pixels: {proof.kept_pixels}, changed: {changed}"
    )
    title = "text removed, no mask given" if task.caption else f"{task.operation}: {job.method}"
    return Row(title, before, mask, after, paint_seconds, changed, corner)


def count_changed(
    before: Image.Image,
    mask: Image.Image | None,
    after: Image.Image,
    corner: tuple[int, int],
) -> int:
    """Count the kept pixels that differ, without trusting the service's own proof."""
    left, top = corner
    kept = after.crop((left, top, left + before.width, top + before.height))
    difference = ImageChops.difference(before, kept)
    red, green, blue = difference.split()
    changed = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    if mask is not None:
        changed.paste(0, (0, 0), mask.point(lambda value: 255 if value >= 128 else 0))
    return sum(changed.histogram()[1:])


def original_corner(before: Image.Image, after: Image.Image, task: Task) -> tuple[int, int]:
    """Tell where the original lies on the result: by margins, else in the center."""
    if "aspect_ratio" in task.params:
        return (after.width - before.width) // 2, (after.height - before.height) // 2
    return int(str(task.params.get("left", 0))), int(str(task.params.get("top", 0)))


def say(text: str) -> None:
    """Write a line at once, also into a pipe."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1:] == ["--generate"]:
        sys.exit(main(GENERATED, OUTPUT / "contact-sheet-generate.png"))
    sys.exit(main(TASKS, OUTPUT / "contact-sheet.png"))
