from __future__ import annotations

from typing import get_args

import pytest

from service.contract.formats import (
    EXTENSIONS,
    LONGEST_SIDES,
    LOSSY_FORMATS,
    MEDIA_TYPES,
    is_lossless,
)
from service.contract.params import OutputFormat


def test_every_format_is_described() -> None:
    formats = set(get_args(OutputFormat))
    assert set(EXTENSIONS) == set(MEDIA_TYPES) == set(LONGEST_SIDES) == formats
    assert len(set(EXTENSIONS.values())) == len(set(MEDIA_TYPES.values())) == len(formats)


@pytest.mark.parametrize("lossless", [False, True])
def test_is_lossless_tells_png_and_lossless_webp(lossless: bool) -> None:
    assert is_lossless("png", lossless)
    assert is_lossless("webp", lossless) == lossless
    for output_format in LOSSY_FORMATS:
        assert not is_lossless(output_format)
    assert not is_lossless("jpeg", lossless)
    assert not is_lossless("avif", lossless)
