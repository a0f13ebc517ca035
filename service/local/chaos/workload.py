"""The jobs of a soak: small real pictures, submitted over HTTP and followed to their ends."""

from __future__ import annotations

import io
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image, ImageChops, ImageDraw

from service.client import Job, PaintjobApiError, PaintjobClient, ServiceUnreachable
from service.local.chaos.timeline import Timeline

PATIENCE_SECONDS = 120.0
"""Seconds for which a request is repeated while the API or the broker is away."""

JOB_SECONDS = 240.0
BATCH_ITEMS = 5

LEGAL_FAILURES = frozenset({"worker_lost", "requeued_too_often", "hung"})
"""A job whose horse was killed three times ends as failed: one terminal state, and so not lost."""

SIDE = 96
HOLE = (32, 32, 64, 64)
MARGIN = 24


@dataclass
class Ended:
    """The end of one submission.

    Attributes:
        kind: its scenario.
        job_ids: the accepted jobs.
        status: how it ended, as the report counts it.
        problems: what should not have happened.
    """

    kind: str
    job_ids: list[str] = field(default_factory=list)
    status: str = "succeeded"
    problems: list[str] = field(default_factory=list)


class Workload:
    """Submits jobs from several threads until it is asked to stop.

    Args:
        url: the API.
        webhook_url: where webhooks go.
        seed: of the choice of scenarios.
        clients: how many jobs are followed at once.
        most: how many submissions at the most.
        timeline: counts them by state.
    """

    def __init__(
        self, url: str, webhook_url: str, seed: int, clients: int, most: int, timeline: Timeline
    ) -> None:
        self._url = url
        self._webhook_url = webhook_url
        self._timeline = timeline
        self._left = most
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.ended: list[Ended] = []
        self._threads = [
            threading.Thread(target=self._work, args=(f"{seed}-{number}",), daemon=True)
            for number in range(clients)
        ]

    def start(self) -> None:
        """Start the clients."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the clients begin nothing more; what they have begun is followed to its end."""
        self._stop.set()

    @property
    def is_running(self) -> bool:
        """Return whether any client still follows a job."""
        return any(thread.is_alive() for thread in self._threads)

    def _work(self, seed: str) -> None:
        dice = random.Random(seed)  # noqa: S311 # nosec - a choice of scenarios
        names = sorted(SCENARIOS)
        with PaintjobClient(self._url, patience_seconds=PATIENCE_SECONDS) as client:
            while not self._stop.is_set() and self._take():
                kind = dice.choice(names)
                self._timeline.move(None, "unfinished")
                ended = self._run(kind, Call(client, self._url, self._webhook_url, dice))
                self._timeline.move("unfinished", ended.status)
                with self._lock:
                    self.ended.append(ended)

    def _take(self) -> bool:
        with self._lock:
            self._left -= 1
            return self._left >= 0

    def _run(self, kind: str, call: Call) -> Ended:
        ended = Ended(kind)
        try:
            SCENARIOS[kind](call, ended)
        except (PaintjobApiError, ServiceUnreachable, TimeoutError) as error:
            ended.status = "lost"
            ended.problems.append(f"{kind} {ended.job_ids}: {type(error).__name__}: {error}")
        return ended


@dataclass
class Call:
    """The tools of a scenario.

    Attributes:
        client: the connection of its thread.
        url: the API.
        webhook_url: where webhooks go.
        dice: chooses pictures and moments.
    """

    client: PaintjobClient
    url: str
    webhook_url: str
    dice: random.Random

    def submit(self, ended: Ended, *, key: str | None = None, **params: object) -> Job:
        """Submit an inpainting of a drawn picture, and note that it was accepted."""
        picture = self.draw()
        params = {"method": "patch", **params}
        job = self.client.submit(
            "inpaint", ("image.png", picture), ("mask.png", MASK), params, idempotency_key=key
        )
        ended.job_ids.append(job.id)
        return job

    def draw(self) -> bytes:
        """Return a small picture, another one each time."""
        image = Image.effect_noise((SIDE, SIDE), self.dice.uniform(5, 60)).convert("RGB")
        color = tuple(self.dice.randrange(256) for _ in range(3))
        ImageDraw.Draw(image).rectangle((8, 8, self.dice.randrange(16, 88), 40), fill=color)
        return _png(image)

    def follow(self, job: Job) -> Job:
        """Wait for the end of a job."""
        return self.client.wait(job.id, timeout_seconds=JOB_SECONDS)


def _inpaint(call: Call, ended: Ended) -> None:
    picture = call.draw()
    job = call.client.submit("inpaint", ("i.png", picture), ("m.png", MASK), {"method": "patch"})
    ended.job_ids.append(job.id)
    _check_result(call, ended, call.follow(job), picture, (0, 0))


def _outpaint(call: Call, ended: Ended) -> None:
    picture = call.draw()
    method = call.dice.choice(["mirror", "pattern"])
    params = {"method": method, "left": MARGIN, "bottom": MARGIN}
    job = call.client.submit("outpaint", ("image.png", picture), None, params)
    ended.job_ids.append(job.id)
    _check_result(call, ended, call.follow(job), picture, (MARGIN, 0))


def _cancel(call: Call, ended: Ended) -> None:
    job = call.submit(ended, priority="low")
    time.sleep(call.dice.uniform(0, 0.5))
    try:
        answered = call.client.cancel(job.id)
    except PaintjobApiError as error:
        if error.code != "already_finished":
            raise
        answered = None
    done = call.follow(job)
    ended.status = done.status
    if answered is not None and done.status not in ("canceled", *_FAILED):
        ended.problems.append(f"{job.id} was canceled, and yet it is {done.status}")


def _miss_deadline(call: Call, ended: Ended) -> None:
    done = call.follow(call.submit(ended, finish_within_seconds=1))
    ended.status = done.status
    _check_failure(ended, done, {"deadline_exceeded"})


def _repeat(call: Call, ended: Ended) -> None:
    key, picture = str(uuid.uuid4()), call.draw()
    ids = {
        call.client.submit(
            "inpaint",
            ("i.png", picture),
            ("m.png", MASK),
            {"method": "patch", "seed": 1},
            idempotency_key=key,
        ).id
        for _ in range(3)
    }
    ended.job_ids.extend(ids)
    if len(ids) != 1:
        ended.problems.append(f"one Idempotency-Key made {len(ids)} jobs: {sorted(ids)}")
    done = call.client.wait(ended.job_ids[0], timeout_seconds=JOB_SECONDS)
    ended.status = done.status
    _check_failure(ended, done, set())


def _notify(call: Call, ended: Ended) -> None:
    done = call.follow(call.submit(ended, webhook_url=call.webhook_url))
    ended.status = done.status
    _check_failure(ended, done, set())


def _batch(call: Call, ended: Ended) -> None:
    item = {"operation": "outpaint", "method": "mirror", "image": {"part": "p"}, "right": MARGIN}
    batch = call.client.submit_batch([item] * BATCH_ITEMS, {"p": ("p.png", call.draw())})
    call.client.wait_batch(batch.id, timeout_seconds=JOB_SECONDS)
    items = list(call.client.list_batch_items(batch.id))
    ended.job_ids.extend(item.job_id for item in items if item.job_id is not None)
    if len(ended.job_ids) != BATCH_ITEMS:
        ended.problems.append(f"batch {batch.id} has {len(ended.job_ids)} jobs: {items}")


SCENARIOS: dict[str, Callable[[Call, Ended], None]] = {
    "inpaint": _inpaint,
    "outpaint": _outpaint,
    "cancel": _cancel,
    "deadline": _miss_deadline,
    "repeat": _repeat,
    "webhook": _notify,
    "batch": _batch,
}
"""Every scenario by its name in reports."""

_FAILED = ("failed",)


def _check_result(
    call: Call, ended: Ended, done: Job, picture: bytes, offset: tuple[int, int]
) -> None:
    ended.status = done.status
    _check_failure(ended, done, set())
    if done.status != "succeeded":
        return
    kept = Image.open(io.BytesIO(picture)).convert("RGB")
    result = Image.open(io.BytesIO(call.client.get_result(done.id))).convert("RGB")
    x, y = offset
    found = result.crop((x, y, x + SIDE, y + SIDE))
    if ended.kind == "inpaint":
        found.paste(kept.crop(HOLE), HOLE)
    if ImageChops.difference(found, kept).getbbox() is not None:
        ended.problems.append(f"{done.id} changed kept pixels")


def _check_failure(ended: Ended, done: Job, also: set[str]) -> None:
    if done.status not in ("succeeded", "failed"):
        ended.problems.append(f"{done.id} ended as {done.status}")
    if done.status == "failed" and done.error and done.error.code not in LEGAL_FAILURES | also:
        ended.problems.append(f"{done.id} failed: {done.error.code}: {done.error.detail}")


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _draw_mask() -> bytes:
    mask = Image.new("L", (SIDE, SIDE))
    left, top, right, bottom = HOLE
    mask.paste(255, (left, top, right, bottom))
    return _png(mask)


MASK = _draw_mask()
