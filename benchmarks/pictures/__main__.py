"""Writes the table of removals by any method and any model, on any set.

Run it with `make bench-pictures`, or with an operator's own set and models:

    python -m benchmarks.pictures --set corne FOLDER --url http://127.0.0.1:8080 --models mi-gan

Without `--set`, things are pasted over free photos by code, so that the truth is known.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.pictures.page import render_page, render_table
from benchmarks.pictures.painters import Painter, list_local, list_served
from benchmarks.pictures.pasted import list_pasted
from benchmarks.pictures.scores import Judge, Scores, load_judge, score
from benchmarks.pictures.sets import LAYOUTS, Item, load_set
from benchmarks.pictures.sheet import add_row, write_sheet
from service.client import PaintjobApiError, ServiceUnreachable
from worker.imaging import ImageArray

SHOWN: Final = 6
"""Items of the contact sheet."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print or write, and fail where a kept pixel of ours was changed."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    options = _parse(arguments)
    painters = [] if options.only_models else list_local(options.seed)
    if options.models:
        params = dict(field.split("=", 1) for field in options.params)
        fields = {"seed": options.seed, "grow": 0, **params}
        painters += list_served(options.url, options.key, options.models, fields)
    judge = load_judge(options.rcs)
    begun = time.perf_counter()
    scores, rows = run(painters, _items(options), judge)
    minutes = (time.perf_counter() - begun) / 60
    if options.out is None:
        print("\n".join(render_table(scores)))
    else:
        write_sheet(rows, options.out / "pictures.jpg")
        page = render_page(scores, options.set, minutes, has_judge=judge is not None)
        (options.out / "pictures.md").write_text(page, encoding="utf-8")
    _check(painters, scores)


def run(
    painters: Sequence[Painter], items: Iterable[Item], judge: Judge | None
) -> tuple[dict[str, list[Scores]], list[ImageArray]]:
    """Return every painter's scores, and the first rows of a contact sheet."""
    scores: dict[str, list[Scores]] = {painter.name: [] for painter in painters}
    rows: list[ImageArray] = []
    for number, item in enumerate(items):
        print(f"{number + 1}: {item.name}", file=sys.stderr, flush=True)
        if number == 0:
            _warm_up(painters, item)
        results = {}
        for painter in painters:
            pixels, seconds = painter.paint(item)
            results[painter.name] = pixels
            scores[painter.name].append(score(item, pixels, seconds, judge))
        if number % 2 == 0 and len(rows) < SHOWN:
            add_row(rows, item, results)
    return scores, rows


def _warm_up(painters: Sequence[Painter], item: Item) -> None:
    """Compile and load before the clock counts."""
    for painter in painters:
        painter.paint(item)


def _items(options: argparse.Namespace) -> Iterable[Item]:
    if options.set is None:
        return list_pasted(options.limit)
    name, folder = options.set
    return load_set(LAYOUTS[name], Path(folder), options.limit, inverts=options.invert_masks)


def _check(painters: Sequence[Painter], scores: dict[str, list[Scores]]) -> None:
    ours = [painter.name for painter in painters if painter.is_ours]
    broken = [name for name in ours if any(one.changed for one in scores[name])]
    if broken:
        sys.exit(f"kept pixels were changed by {', '.join(broken)}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__)
    parser.add_argument(
        "--set", nargs=2, metavar=("LAYOUT", "FOLDER"), help=f"LAYOUT: {', '.join(LAYOUTS)}"
    )
    parser.add_argument("--invert-masks", action="store_true", help="masks mean the opposite")
    parser.add_argument("--limit", type=int, help="at most so many pictures, spread over the set")
    parser.add_argument("--models", nargs="+", default=[], help="models that the service serves")
    parser.add_argument("--params", nargs="*", default=[], metavar="FIELD=VALUE")
    parser.add_argument("--only-models", action="store_true", help="no method of this process")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--key", default=os.environ.get("PAINTJOB_API_KEY"))
    parser.add_argument("--rcs", metavar="MODULE:FUNCTION", help="takes sent, mask and result")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a folder for pictures.md and its sheet")
    options = parser.parse_args(arguments)
    if options.set is not None and options.set[0] not in LAYOUTS:
        parser.error(f"--set takes {', '.join(LAYOUTS)}")
    return options


if __name__ == "__main__":
    try:
        main()
    except (PaintjobApiError, ServiceUnreachable, ValueError) as refusal:
        sys.exit(str(refusal))
