"""The pictures of the guide: inputs that the demonstration lacks, results, the README's picture.

Run it with `make guide-pictures`, which needs torch. It writes to `docs/images`, where the guide
serves them, and small: a page with all of them loads quickly.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from demo import PICTURES, running_service
from service.client import PaintjobClient

IMAGES = Path(__file__).parent.parent / "docs" / "images"
AROUND_AN_EYE = json.dumps([{"box": [120, 62, 208, 142]}])
SHOWN_WIDTH = 480


def draw_vase(width: int = 640, height: int = 480) -> Image.Image:
    """Return a picture of a product: a glazed vase on gray paper, with a soft shadow."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    ground = 226 - 26 * (y / height) ** 2 - 10 * np.abs(x / width - 0.42)
    picture = np.stack([ground, ground * 0.992, ground * 0.975], axis=-1)
    shadow = np.exp(-(((x - width * 0.55) / 150) ** 2) - ((y - height * 0.83) / 20) ** 2)
    picture *= 1 - 0.42 * shadow[..., None]
    along = np.clip((y / height - 0.14) / 0.70, 0, 1)
    radius = 42 + 62 * np.sin(np.pi * along**0.85) ** 1.4 + 14 * np.exp(-((along / 0.06) ** 2))
    across = (x - width / 2) / radius
    inside = (np.abs(across) < 1) & (y > height * 0.14) & (y < height * 0.84)
    depth = np.sqrt(np.clip(1 - across**2, 0, 1))
    light = 0.35 + 0.65 * np.clip(0.75 * depth - 0.5 * across, 0, 1)
    shine = np.exp(-(((across + 0.45) / 0.13) ** 2)) * np.clip(1.2 - 1.6 * along, 0, 1)
    glaze = np.array([38.0, 112.0, 118.0]) * light[..., None] + 150 * shine[..., None]
    picture = np.where(inside[..., None], glaze, picture)
    picture += np.random.default_rng(1).normal(0, 1.6, picture.shape)
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(0.7)
    )


def draw_scratches() -> Image.Image:
    """Return the photo of the coffee with the scratch of its mask in it, as on an old print."""
    photo = Image.open(PICTURES / "coffee.jpg").convert("RGB")
    scratch = Image.open(PICTURES / "coffee-mask.png").convert("L")
    return Image.composite(Image.new("RGB", photo.size, (200, 230, 250)), photo, scratch)


def write_inputs() -> None:
    """Write the pictures that the recipes start from."""
    IMAGES.mkdir(exist_ok=True)
    for name in ("rocket.jpg", "rocket-mask.png"):
        shutil.copy(PICTURES / name, IMAGES / name)
    Image.open(PICTURES / "cat.png").convert("RGB").save(IMAGES / "cat.jpg", quality=92)
    draw_vase().save(IMAGES / "vase.jpg", quality=92)
    draw_scratches().save(IMAGES / "scratched.jpg", quality=90)


ROCKET, SCRATCHES = PICTURES / "rocket-mask.png", PICTURES / "coffee-mask.png"
WIDE = {"aspect_ratio": "16:9"}
RESULTS: dict[str, tuple[str, str, Path | None, dict[str, Any]]] = {
    "rocket-patch": ("inpaint", "rocket.jpg", ROCKET, {"method": "patch"}),
    "rocket-generate": ("inpaint", "rocket.jpg", ROCKET, {"method": "generate"}),
    "scratched-patch": ("inpaint", "scratched.jpg", SCRATCHES, {"method": "patch", "grow": 2}),
    "cat-eye": ("inpaint", "cat.jpg", None, {"method": "patch", "regions": AROUND_AN_EYE}),
    "cat-mirror": ("outpaint", "cat.jpg", None, {"method": "mirror", **WIDE}),
    "cat-pattern": ("outpaint", "cat.jpg", None, {"method": "pattern", **WIDE}),
    "vase-square": ("outpaint", "vase.jpg", None, {"method": "pattern", "aspect_ratio": "1:1"}),
}
"""What is painted: operation, picture, mask, parameters."""


def paint_results() -> None:
    """Paint all results over HTTP, and write them small."""
    with (
        tempfile.TemporaryDirectory(prefix="paintjob-guide-") as folder,
        running_service(Path(folder) / "data", self_model=True) as url,
        PaintjobClient(url) as client,
    ):
        for name, (operation, image, mask, params) in RESULTS.items():
            job = client.submit(operation, IMAGES / image, mask, {**params, "seed": 1})
            job = client.wait(job.id)
            print(name, job.status, *(output.estimate for output in job.outputs))  # noqa: T201
            result = Path(folder) / f"{name}.png"
            client.save(job, result)
            write_small(Image.open(result).convert("RGB"), name)


def write_small(picture: Image.Image, name: str) -> None:
    """Write a picture as the guide shows it."""
    picture.thumbnail((SHOWN_WIDTH, SHOWN_WIDTH), Image.Resampling.LANCZOS)
    picture.save(IMAGES / f"{name}.jpg", quality=86, optimize=True)


def draw_poster() -> Image.Image:
    """Return the README's picture: before above, after below, three tasks."""
    columns = [
        ("rocket.jpg", "rocket-patch.jpg", "remove"),
        ("scratched.jpg", "scratched-patch.jpg", "restore"),
        ("cat.jpg", "cat-mirror.jpg", "extend"),
    ]
    width, height, gap, label = 380, 254, 8, 30
    size = (len(columns) * (width + gap) - gap, 2 * (height + gap) + label)
    poster = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(poster), ImageFont.load_default(size=17)
    for column, (before, after, word) in enumerate(columns):
        left = column * (width + gap)
        draw.text((left + width / 2, 14), word, fill=(60, 66, 70), font=font, anchor="mm")
        result = Image.open(IMAGES / after)
        result.thumbnail((width, height), Image.Resampling.LANCZOS)
        # Before and after in one scale: what is wider then is what was added.
        given = Image.open(IMAGES / before).convert("RGB")
        given.thumbnail((width, result.height), Image.Resampling.LANCZOS)
        for row, picture in enumerate((given, result)):
            top = label + row * (height + gap) + (height - picture.height) // 2
            poster.paste(picture, (left + (width - picture.width) // 2, top))
    return poster


if __name__ == "__main__":
    write_inputs()
    paint_results()
    draw_poster().save(IMAGES / "before-after.jpg", quality=86, optimize=True, progressive=True)
