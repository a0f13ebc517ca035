"""Pictures that a model only looks at: which it is given, and that each row keeps its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.support.pictures import make_rgb
from tests.unit.worker.engines.diffusion.painting import (
    LIBRARY_WARNINGS,
    calls_of,
    canvas_of,
    ignore,
    largest_difference,
    model_of,
    paint,
)
from worker.engines.diffusion.engine import DiffusionEngine

pytestmark = [pytest.mark.slow, *LIBRARY_WARNINGS]


@pytest.fixture
def engine(engine_of: Callable[[str], DiffusionEngine]) -> DiffusionEngine:
    return engine_of("flux2-klein")


def test_each_row_looks_at_its_own_reference(engine: DiffusionEngine) -> None:
    plain = canvas_of(1)
    canvases = [
        plain,
        replace(plain, reference=make_rgb("texture", 70, 90, 1)),
        replace(plain, reference=make_rgb("gradient", 70, 90, 2)),
        replace(plain, reference=make_rgb("texture", 300, 40, 3)),
        canvas_of(1, reference="original"),
        canvas_of(1, reference="mask"),
    ]
    together = engine.paint(canvases, ignore)
    assert [one.details["rows"] for one in together] == [1, 2, 2, 1, 2, 2]
    assert together[1].details["reference_size"] == [64, 96]
    told = [one.details.get("reference") for one in together]
    assert told == [None, "picture", "picture", "picture", "original", "mask"]
    assert "reference_size" not in together[0].details
    for canvas, painted in zip(canvases, together, strict=True):
        assert largest_difference(paint(engine, [canvas])[0], painted.image) <= 1
    images = [painted.image for painted in together]
    assert len({image.tobytes() for image in images}) == len(images)


def test_the_mask_is_white_on_black_and_the_original_has_its_hole(engine: DiffusionEngine) -> None:
    model = model_of(engine)
    [shown] = calls_of([canvas_of(1, reference="original", infill="green")], model)
    [picture] = shown.pictures
    hole = picture.frame.mask > 0
    assert picture.frame.reference is not None
    assert (picture.frame.image[hole] == (0, 255, 0)).all(axis=1).any()
    assert not (picture.frame.reference[hole] == (0, 255, 0)).all(axis=1).any()
    [masked] = calls_of([canvas_of(1, reference="mask")], model)
    [inputs] = masked.to_inputs(model.entry).references
    assert np.array_equal(np.asarray(inputs)[..., 0], masked.pictures[0].frame.mask)
