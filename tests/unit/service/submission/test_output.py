from __future__ import annotations

from typing import Any

import pytest
from PIL import features

from service.contract.errors import ImageTooLarge, InvalidField, PaintjobError
from service.contract.params import InpaintParams, OutpaintParams
from service.submission.output import (
    check_format_holds,
    check_format_holds_exif,
    check_resized,
    find_format_faults,
    format_defaults,
    list_output_formats,
)
from tests.support.files import make_exif


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({}, []),
        ({"output_quality": 5}, ["/output_quality"]),
        ({"output_format": "png", "output_quality": 5}, ["/output_quality"]),
        ({"output_format": "jpeg", "output_quality": 5}, []),
        ({"output_format": "avif", "output_quality": 5}, []),
        ({"output_format": "webp", "output_quality": 5, "output_lossless": False}, []),
        ({"output_format": "webp", "output_lossless": True}, []),
        (
            {"output_format": "webp", "output_quality": 5, "output_lossless": True},
            ["/output_quality"],
        ),
        ({"output_lossless": True}, ["/output_lossless"]),
        ({"output_lossless": False}, ["/output_lossless"]),
        ({"output_format": "jpeg", "output_lossless": False}, ["/output_lossless"]),
        ({"output_format": "avif", "output_lossless": True}, ["/output_lossless"]),
        ({"output_quality": 5, "output_lossless": True}, ["/output_lossless", "/output_quality"]),
    ],
)
def test_find_format_faults(fields: dict[str, Any], pointers: list[str]) -> None:
    faults = find_format_faults(OutpaintParams.model_validate(fields))
    assert [fault.pointer for fault in faults] == pointers
    assert {fault.code for fault in faults} <= {"conflicting_fields"}


def test_avif_is_refused_where_it_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list_output_formats() == ("png", "jpeg", "webp", "avif")
    monkeypatch.setattr(features, "check", lambda name: False)
    assert list_output_formats() == ("png", "jpeg", "webp")
    (fault,) = find_format_faults(InpaintParams(output_format="avif"))
    assert (fault.pointer, fault.code) == ("/output_format", "invalid_field")
    assert fault.allowed == ("png", "jpeg", "webp")


def test_check_format_holds_asks_for_another_format() -> None:
    check_format_holds((16_383, 1024), "webp")
    with pytest.raises(InvalidField, match="webp can have at most 16383"):
        check_format_holds((1024, 16_384), "webp")
    check_format_holds((16_384, 1024), "png")


def _exif(size: int, tag: int = 0x0110) -> bytes:
    return make_exif((tag, 2, size, b"x" * size))


def test_check_format_holds_exif_knows_what_a_jpeg_holds() -> None:
    asked = InpaintParams(output_format="jpeg", keep_metadata=True)
    # Beside the text: the header, and a directory of one field.
    fits = 65_527 - 8 - 18
    check_format_holds_exif(_exif(fits - 1), asked)
    with pytest.raises(InvalidField, match="65527 bytes"):
        check_format_holds_exif(_exif(fits + 1), asked)


def test_check_format_holds_exif_counts_only_what_comes_back() -> None:
    asked = InpaintParams(output_format="jpeg", keep_metadata=True)
    maker_note, large = _exif(70_000, 0x927C), _exif(70_000)
    check_format_holds_exif(maker_note, asked)
    check_format_holds_exif(None, asked)
    check_format_holds_exif(large, asked.model_copy(update={"keep_metadata": False}))
    check_format_holds_exif(large, asked.model_copy(update={"output_format": "png"}))


@pytest.mark.parametrize(
    ("fields", "defaults"),
    [
        ({}, {}),
        ({"output_format": "jpeg"}, {"output_quality": 95}),
        ({"output_format": "webp"}, {"output_quality": 95, "output_lossless": False}),
        ({"output_format": "webp", "output_lossless": True}, {"output_lossless": False}),
    ],
)
def test_format_defaults_tell_a_quality_of_what_is_lossy(
    fields: dict[str, Any], defaults: dict[str, Any]
) -> None:
    assert format_defaults(InpaintParams.model_validate(fields)) == defaults


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"output_width": 32_768}, ImageTooLarge),
        ({"output_width": 16_000, "num_images": 3}, ImageTooLarge),
        ({"output_width": 17_000, "output_format": "webp"}, InvalidField),
    ],
)
def test_check_resized_refuses_copies_that_are_too_large(
    fields: dict[str, Any], error: type[PaintjobError]
) -> None:
    with pytest.raises(error):
        check_resized(InpaintParams(**fields), (800, 80), 32_000_000)


def test_check_resized_warns_of_both_sizes() -> None:
    [warning] = check_resized(OutpaintParams(output_height=32), (96, 64), 32_000_000)
    assert warning.code == "resized"
    assert "96 x 64" in warning.detail
    assert "48 x 32" in warning.detail
