"""What paints: our methods as a worker does, peers, and whatever a running service serves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.everyday.painting import Method, list_methods, paint_job
from benchmarks.everyday.sample import MAX_PIXELS, Sample, encode
from benchmarks.pictures.sets import Item
from service.client import PaintjobClient
from worker.imaging import ImageArray
from worker.imaging.decoding import decode_picture

METHODS: Final = ("patch",)
"""Those of the service that inpaint without a model."""

Painted = tuple[ImageArray, float]
"""Pixels, and seconds."""


@dataclass(frozen=True)
class Painter:
    """A way to paint an item.

    Attributes:
        name: as the table calls it.
        paint: returns pixels of the item's size, and how long it took.
        is_ours: whether it promises that kept pixels are unchanged.
    """

    name: str
    paint: Callable[[Item], Painted]
    is_ours: bool


def list_local(seed: int) -> list[Painter]:
    """Return our method in each quality, and the peers that are installed."""
    ours = [
        Painter(f"patch, {quality}", _paint_patch(quality, seed), is_ours=True)
        for quality in ("fast", "balanced", "best")
    ]
    peers = [method for method in list_methods() if not method.is_ours and " " not in method.name]

    return [*ours, *(Painter(peer.name, _paint_peer(peer, seed), is_ours=False) for peer in peers)]


def list_served(
    url: str, key: str | None, names: Sequence[str], params: Mapping[str, object]
) -> list[Painter]:
    """Return models, or methods, of a running service.

    Args:
        url: of the service.
        key: an API key, if it asks for one.
        names: of models, or `patch`.
        params: further fields of the requests.
    """
    client = PaintjobClient(url, api_key=key)
    return [
        Painter(f"{name} (served)", _paint_served(client, name, params), is_ours=True)
        for name in names
    ]


def _paint_patch(quality: str, seed: int) -> Callable[[Item], Painted]:
    def paint(item: Item) -> Painted:
        painting = paint_job(_as_sample(item), seed, "patch", quality=quality)
        return painting.pixels, painting.seconds

    return paint


def _paint_peer(method: Method, seed: int) -> Callable[[Item], Painted]:
    def paint(item: Item) -> Painted:
        painting = method.paint(_as_sample(item), seed)
        return painting.pixels, painting.seconds

    return paint


def _paint_served(
    client: PaintjobClient, name: str, params: Mapping[str, object]
) -> Callable[[Item], Painted]:
    chosen = {"method": name} if name in METHODS else {"method": "generate", "model": name}

    def paint(item: Item) -> Painted:
        files = ("image.png", encode(item.sent)), ("mask.png", encode(item.mask))
        begun = time.perf_counter()
        job = client.wait(client.submit("inpaint", *files, {**chosen, **params}).id)
        if job.status != "succeeded":
            raise RuntimeError(f"{name}: {job.error}")
        result = client.get_result(job.id)
        seconds = time.perf_counter() - begun
        return decode_picture(result, MAX_PIXELS).rgb(), seconds

    return paint


def _as_sample(item: Item) -> Sample:
    truth = item.sent if item.truth is None else item.truth
    return Sample(encode(item.sent), truth, item.mask, ())
