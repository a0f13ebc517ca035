"""`paintjob submit` against a real service: what it sends, and what it shows of a plan."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service import cli
from tests.support.pictures import mask, picture
from tests.support.server import running_server


@pytest.fixture
def url(broker_url: str, tmp_path: Path) -> Iterator[str]:
    """URL of a real server on an empty broker."""
    settings = {"PAINTJOB_HTTP_WORKERS": "1", "PAINTJOB_HTTP_THREADS": "4"}
    with running_server(broker_url, tmp_path, **settings) as server:
        yield server.url


def _main(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["paintjob", "submit", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


@pytest.mark.slow
def test_dry_run_shows_a_plan_of_every_vocabulary_and_mask(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image, cut_out = tmp_path / "image.png", tmp_path / "cut-out.png"
    image.write_bytes(picture())
    cut_out.write_bytes(picture(mode="RGBA"))
    (tmp_path / "mask.png").write_bytes(mask())
    regions = tmp_path / "regions.json"
    regions.write_text(json.dumps([{"box": [0, 0, 48, 64]}]))

    def plan(*arguments: object) -> dict[str, Any]:
        assert _main(monkeypatch, *arguments, "--url", url, "--dry-run") == 0
        shown: dict[str, Any] = json.loads(capsys.readouterr().out)
        return shown

    drawn = plan("inpaint", image, "--regions", regions, "--feather", 3, "--keep-metadata")
    assert (drawn["mask"]["source"], drawn["mask"]["coverage"]) == ("regions", 0.5)
    assert (drawn["params"]["feather"], drawn["params"]["keep_metadata"]) == (3, True)
    webp = plan(
        *("inpaint", image, "--mask", tmp_path / "mask.png", "-o", "out.webp"),
        *("--output-lossless", "--mask-polarity", "black_repaints", "--mask-threshold", 9),
    )
    assert (webp["params"]["output_format"], webp["params"]["output_lossless"]) == ("webp", True)
    assert webp["params"]["mask_threshold"] == 9
    for arguments, asked, size in (
        (("--left", 4), "margins", (100, 64)),
        (("--left-percent", "12.5", "--overlap", 5), "percent", (108, 64)),
        (("--aspect-ratio", "2:1", "--anchor", "left"), "aspect_ratio", (128, 64)),
        (("--width", 120, "--height", 70, "--x", 1, "--y", 2), "canvas", (120, 70)),
        (("--zoom-out", "1.5", "-o", "out.avif"), "zoom_out", (144, 96)),
    ):
        shown = plan("outpaint", image, *arguments)
        assert (shown["geometry"]["asked"], (shown["width"], shown["height"])) == (asked, size)

    # Opaque all over: the service's own words reach the caller.
    opaque = ("inpaint", cut_out, "--mask-source", "alpha", "--dry-run", "--url", url)
    assert _main(monkeypatch, *opaque) == 1
    assert "no pixel of the mask is to be repainted" in capsys.readouterr().err


@pytest.mark.slow
def test_refusal_is_told_once(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "image.png"
    image.write_bytes(picture())
    assert _main(monkeypatch, "outpaint", image, "--zoom-out", 1, "--url", url, "--dry-run") == 1
    told = capsys.readouterr().err
    assert told.count("must be more than 1: outpaint never crops") == 1
    assert "/zoom_out: " in told


def test_regions_that_are_a_picture_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "image.png"
    image.write_bytes(picture())
    assert _main(monkeypatch, "inpaint", image, "--regions", image, "-o", "out.png") == 2
    told = capsys.readouterr().err
    assert "--regions" in told
    assert "--mask" in told


def test_result_needs_a_place_unless_it_is_only_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "image.png"
    image.write_bytes(picture())
    assert _main(monkeypatch, "outpaint", image, "--left", 4) == 2
    assert "--output" in capsys.readouterr().err
