"""How well the detail of a picture is found for a net that paints a smaller copy of it.

Run it from the root of the repository:

    python -m benchmarks.guided [--side 512] [--output docs/benchmarks/guided.md]

The net is a stand-in that returns the truth's low frequencies, as a perfect but smooth eraser would
on a copy of a quarter of the size. Its answer is used in two ways: enlarged and pasted, as IOPaint
and others do, and as the guide of a completion from patches. The picture's own patches without any
guide (`patch`) are the third. The pictures are those on which nothing was tuned, except that the
guide's constants were chosen on the rectangles, blobs and objects of seven of them at sigma 4.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from benchmarks.weightfree.cases import Case, erase
from benchmarks.weightfree.metrics import measure, measure_psnr
from benchmarks.weightfree.pictures import names_of
from worker.engines.patch import Guide, complete, warm
from worker.engines.patch.filling import fill
from worker.imaging import ImageArray, MaskArray

MASKS: Final = ("rect", "object", "blobs15", "blobs25")
SIGMAS: Final = (4.0, 8.0)
GOAL_SHARP: Final = (0.9, 1.1)
GOAL_GAIN: Final = 0.8
SEED: Final = 0


@dataclass(frozen=True)
class Score:
    """How one way did in one case.

    Attributes:
        psnr: dB in the hole after a blur by the stand-in's sigma.
        sharp: Laplacian energy over the original's, 1 is right.
        seam: the same on the hole's border, 1 is right, more is a visible edge.
        seconds: of the processor.
    """

    psnr: float
    sharp: float
    seam: float
    seconds: float


@dataclass(frozen=True)
class Row:
    """One case: what each way made of it."""

    name: str
    sigma: float
    patch: Score
    pasted: Score
    guided: Score

    @property
    def gain(self) -> float:
        """Share of the net's gain over `patch`, in dB after the blur, that the guided way keeps."""
        return (self.guided.psnr - self.patch.psnr) / (self.pasted.psnr - self.patch.psnr)


def stand_in(truth: ImageArray, mask: MaskArray, sigma: float) -> ImageArray:
    """Return the picture with its low frequencies in the hole: a perfect net's, but smooth."""
    low = cv2.GaussianBlur(truth, (0, 0), sigma)
    return np.where(mask[..., None] != 0, low, truth).astype(np.uint8)


def paint_case(case: Case, sigma: float) -> Row:
    """Paint one case in the three ways."""
    truth, mask = case.load()
    erased = erase(truth, mask)
    answer = stand_in(truth, mask, sigma)

    def score(paint: Callable[[], ImageArray]) -> Score:
        started = time.process_time()
        painted = paint()
        seconds = time.process_time() - started
        soft = [cv2.GaussianBlur(image, (0, 0), sigma) for image in (truth, painted)]
        scores = measure(truth, painted, mask)
        psnr = measure_psnr(np.asarray(soft[0]), np.asarray(soft[1]), mask != 0)
        return Score(psnr, scores.sharp, scores.seam, seconds)

    return Row(
        name=f"{case.picture} {case.mask}",
        sigma=sigma,
        patch=score(lambda: fill(erased, mask, seed=SEED, on_step=_ignore).completion.image),
        pasted=score(lambda: answer),
        guided=score(
            lambda: (
                complete(erased, mask, seed=SEED, guide=Guide(answer, sigma), on_step=_ignore).image
            )
        ),
    )


def _ignore(_step: int, _steps: int) -> None:
    return None


def write_table(rows: list[Row]) -> str:
    """Return the medians by sigma, and every case, as Markdown."""
    lines = [
        "# A net's low frequencies with the picture's own detail",
        "",
        "`make bench-guided` writes this page. A stand-in for a net returns the truth's low",
        "frequencies. *Enlarged* pastes them as they are; *guided* completes the hole from the",
        "picture's own patches, which keep to them; *patch* has no net. Sharpness and seam: 1 is",
        "the truth's. Gain: share of the net's gain over `patch` that the guided way keeps, in",
        "PSNR after a blur by sigma. Cases where the net gains less than 3 dB have none.",
        "",
        "| sigma | cases | way | sharpness, median | seam, median | PSNR after the blur | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    for sigma in sorted({row.sigma for row in rows}):
        chosen = [row for row in rows if row.sigma == sigma]
        for way in ("patch", "pasted", "guided"):
            scores: list[Score] = [getattr(row, way) for row in chosen]
            lines.append(
                f"| {sigma:g} | {len(chosen)} | {'enlarged' if way == 'pasted' else way} "
                f"| {statistics.median(score.sharp for score in scores):.2f} "
                f"| {statistics.median(score.seam for score in scores):.2f} "
                f"| {statistics.median(score.psnr for score in scores):.1f} "
                f"| {statistics.median(score.seconds for score in scores):.2f} |"
            )
    lines.append("")
    lines += [_conclude(sigma, rows) for sigma in sorted({row.sigma for row in rows})]
    lines += ["", "| case | sigma | sharpness: patch | guided | gain |", "|---|---|---|---|---|"]
    for row in rows:
        gain = f"{row.gain:.2f}" if _has_gain(row) else ""
        lines.append(
            f"| {row.name} | {row.sigma:g} | {row.patch.sharp:.2f} | {row.guided.sharp:.2f} "
            f"| {gain} |"
        )
    return "\n".join([*lines, ""])


def _has_gain(row: Row) -> bool:
    return row.pasted.psnr - row.patch.psnr >= 3


def _conclude(sigma: float, rows: list[Row]) -> str:
    chosen = [row for row in rows if row.sigma == sigma]
    gains = [row.gain for row in chosen if _has_gain(row)]
    sharp = [row.guided.sharp for row in chosen]
    low, high = GOAL_SHARP
    within = sum(low <= value <= high for value in sharp)
    return (
        f"At sigma {sigma:g}: gain kept {statistics.median(gains):.2f} (median; least "
        f"{min(gains):.2f}; goal {GOAL_GAIN}); sharpness {statistics.median(sharp):.2f} (median; "
        f"goal {low} to {high}; {within} of {len(sharp)} single cases within).  "
    )


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="longest side in pixels")
    parser.add_argument("--output", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    warm()
    rows = [
        paint_case(Case("inpaint", name, mask, side=options.side), sigma)
        for sigma in SIGMAS
        for name in names_of(role="untuned")
        for mask in MASKS
    ]
    text = write_table(rows)
    print(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
