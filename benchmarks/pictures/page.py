"""The page with the table, and how to make one of an operator's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.everyday import perception
from benchmarks.pictures.scores import Scores, mean
from benchmarks.pictures.sets import LAYOUTS
from benchmarks.support.machine import describe_machine

HEAD = """# A table of removals

Any method and any model on any set of removals, each with the same hole: `make bench-pictures`
paints things that code has pasted over free photos, so that the truth is known. With a set and
models of your own:

```
python -m benchmarks.pictures --set corne FOLDER --url http://127.0.0.1:8080 --models mi-gan
```

Models are asked for at a running service, with `grow` 0 so that nobody gets a larger hole;
`--params intent=remove` and the like add fields. `patch` and the peers paint in this process.
`--out FOLDER` writes this page, without it the table is printed. The command fails where one of
ours has changed a kept pixel.

- **PSNR, hole**: in dB inside the mask against the truth. Another ground that is as plausible
  scores low.
- **PSNR, ground**: outside of the mask against the truth: what shadow or reflection is left, and
  what was changed. ∞ where nothing differs; pictures without a difference stay out of the mean.
- **distance**: of the features of EfficientNet-Lite0 inside the mask, averaged over five depths; 0
  is equal. It is like LPIPS but is not LPIPS: its network is another one, without weights that
  were fitted to what people see. {features}
- **RC-S**: `--rcs MODULE:FUNCTION` names a function that takes what was sent, the mask and the
  result as arrays, such as one around the authors' code and weights. {judge}
- **kept pixels changed**: outside of the mask, over all pictures, against what was sent.
- **s**: the median of the clock; of a served model from the request to the bytes.
"""
LAYOUT_HEAD = """## Layouts

| `--set` | pictures | masks | truth | a mask's hole | taken from |
|---|---|---|---|---|---|
"""
LAYOUT_NOTES = """
Files belong together by their names without suffix; `NAME_mask` belongs to `NAME` too. A mask of
another size is scaled.

- The cards of CORNE-Val and TextEraseBench name their folders; how the files in them are named,
  and the folder of TextEraseBench's masks, could not be looked up: equal names are assumed, and
  the usual names of folders tried.
- The validation part of RORD that is commonly scored was published by others than its authors,
  whose layout could not be looked up. If its masks are white where the hole is, add
  `--invert-masks`.
- Crops of Places have no thing to remove: the hole is made gray before it is sent, and the picture
  is the truth.
- Any other set: put it into the folders of `plain`; the truth may be left out.
"""


def render_page(
    scores: Mapping[str, Sequence[Scores]],
    chosen: Sequence[str] | None,
    minutes: float,
    *,
    has_judge: bool,
) -> str:
    """Return the page."""
    features = "" if perception.is_there() else "Its packages were not there: the column is empty."
    judge = "" if has_judge else "None was given: the column is empty."
    count = len(next(iter(scores.values()), ()))
    what = "pasted samples" if chosen is None else f"pictures of `{chosen[0]}`"
    lines = [
        HEAD.format(features=features, judge=judge).replace(" \n", "\n"),
        f"## {count} {what}\n",
        *describe_machine(),
        f"{minutes:.1f} minutes. Times beside other work are long; their ratios hold.\n",
        *render_table(scores),
        "\n![What was sent, the truth, and every result](pictures.jpg)\n",
        LAYOUT_HEAD + "\n".join(_list_layouts()) + "\n" + LAYOUT_NOTES,
    ]
    return "\n".join(lines)


def render_table(scores: Mapping[str, Sequence[Scores]]) -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| method | PSNR, hole | PSNR, ground | distance | RC-S | kept pixels changed | s |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, found in scores.items():
        times = sorted(one.seconds for one in found)
        cells = [
            _write(mean([one.hole for one in found]), 1),
            _write(mean([one.ground for one in found]), 1),
            _write(mean([one.distance for one in found]), 3),
            _write(mean([one.rcs for one in found]), 3),
            f"{sum(one.changed for one in found):,}",
            _write(times[len(times) // 2], 2) if times else "-",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _list_layouts() -> list[str]:
    return [
        f"| `{name}` | beside: `NAME.png` | `NAME_mask000.png` | the picture itself | white "
        f"| {layout.source} |"
        if layout.is_beside
        else f"| `{name}` | {_join(layout.images)} | {_join(layout.masks)} "
        f"| {_join(layout.truths)} | {'black' if layout.is_hole_black else 'white'} "
        f"| {layout.source} |"
        for name, layout in LAYOUTS.items()
    ]


def _join(folders: Sequence[str]) -> str:
    return " or ".join(f"`{folder}/`" for folder in folders)


def _write(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"
