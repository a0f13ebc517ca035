"""Every file of the corpus through the API's check and the worker's decoder."""

from __future__ import annotations

import io

import numpy as np
import pytest

from service.contract.errors import PaintjobError
from service.pictures.checks import PictureInfo, check_picture
from tests.support.corpus import GROUPS, Case, see_with_pillow
from worker.imaging.decoding import decode_picture
from worker.imaging.picture import Picture

LIMIT = 16_000_000


@pytest.mark.parametrize("group", GROUPS)
def test_corpus_is_accepted_with_its_pixels_or_refused_by_its_code(group: str) -> None:
    found = [problem for case in GROUPS[group]() if (problem := _judge(case))]
    assert found == []


def _judge(case: Case) -> str | None:
    """Tell what is wrong with how a case is taken."""
    checked, decoded = _check(case.data), _decode(case.data)
    if isinstance(checked, str):
        return None if checked in case.codes else f"{case.name}: the API refuses by {checked}"
    if case.codes and not case.may_pass:
        return f"{case.name}: the API lets it through"
    if isinstance(decoded, str):
        expected = case.pixels is None and decoded == "image_undecodable"
        return None if expected else f"{case.name}: the worker refuses by {decoded}"
    if checked.upright_size != (decoded.width, decoded.height):
        return f"{case.name}: the API saw another size than the worker"
    if case.pixels is not None:
        same = np.array_equal(decoded.stored_channels(), case.pixels)
        return None if same else f"{case.name}: other pixels"
    if "flipped" not in case.name:
        return f"{case.name}: the worker takes it"
    # Damaged by chance and still a picture: then the one that others see who see any.
    try:
        seen = see_with_pillow(case.data)
    except (OSError, RuntimeError, SyntaxError, ValueError, UserWarning):
        return None
    same = np.array_equal(decoded.channels(), seen)
    return None if same else f"{case.name}: other pixels than Pillow's"


def _check(data: bytes) -> PictureInfo | str:
    try:
        return check_picture(io.BytesIO(data), LIMIT)
    except PaintjobError as error:
        return error.code


def _decode(data: bytes) -> Picture | str:
    try:
        return decode_picture(data, LIMIT)
    except PaintjobError as error:
        return error.code
