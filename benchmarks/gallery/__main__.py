"""Paints every scene by every weight-free method and its peers, and writes the page.

Run it with `make gallery`: `docs/gallery/README.md` with a strip for each scene. Ours paint as a
worker does, with the estimate and the warnings that a caller would get; peers get the same holes.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.everyday.painting import Method, Painting, choose_methods, list_methods, paint_job
from benchmarks.everyday.sample import Sample
from benchmarks.gallery.drawing import draw_strip
from benchmarks.gallery.scenes import SCENES, Scene

SEED: Final = 1
FOLDER: Final = Path("docs/gallery")
LEFT_OUT: Final = ("patch ignore", "pattern ignore", "edge")
HEAD: Final = """\
# Gallery

`make gallery` paints these pictures and writes this page: free photos that come with scikit-image
and scikit-learn, and pictures made by code. Each strip shows what was sent with the hole, what each
method made of it with its own estimate (0 to 1, of how alike it is to the right picture), peers
with the same hole (`telea`: OpenCV's fast marching; `pypatchmatch`), and, where it is what is
wanted, what was there. The last part shows what weight-free methods cannot do, and whether the
estimate knew.
"""
GROUPS: Final = {
    "removals": "Removals",
    "restorations": "Restorations",
    "products": "Products",
    "extensions": "Extensions",
    "cutouts": "Transparent cutouts",
    "failures": "What goes wrong",
}


def list_painters(sample: Sample) -> list[Method]:
    """Return the methods that a strip shows: ours in all their styles, then the peers."""
    methods = [method for method in list_methods() if method.name not in LEFT_OUT]
    exact = Method(
        "mirror exact",
        ("outpaint",),
        lambda sample, seed: paint_job(sample, seed, "mirror", mirror_style="exact"),
        is_ours=True,
    )
    ours = [method for method in methods if method.is_ours]
    peers = [method for method in methods if not method.is_ours]
    return choose_methods(sample, [*ours, exact, *peers])


def paint_scene(scene: Scene, folder: Path) -> str:
    """Paint one scene, write its strip, and return its part of the page."""
    sample = scene.make()
    paintings = {method.name: method.paint(sample, SEED) for method in list_painters(sample)}
    file = folder / f"{scene.name}.jpg"
    # Of a removal, what was there is not what is wanted.
    draw_strip(sample, paintings, file, shows_truth=scene.group != "removals")
    told = _tell_warnings(paintings)
    return f"### {scene.title}\n\n![{scene.title}]({file.name})\n\n{scene.note}{told}\n"


def _tell_warnings(paintings: Mapping[str, Painting]) -> str:
    warned = [
        f"`{name}` warned `{'`, `'.join(painting.warnings)}`"
        for name, painting in paintings.items()
        if painting.warnings
    ]
    return f" {'; '.join(warned)}." if warned else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gallery")
    parser.add_argument("--only", nargs="+", help="names of scenes; the page is not written")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    parts: dict[str, list[str]] = {group: [] for group in GROUPS}
    for scene in SCENES:
        if options.only is None or scene.name in options.only:
            print(scene.name, flush=True)
            parts[scene.group].append(paint_scene(scene, options.out))
    if options.only is None:
        body = [f"## {GROUPS[group]}\n\n" + "\n".join(found) for group, found in parts.items()]
        page = "\n".join([HEAD, *body])
        (options.out / "README.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
