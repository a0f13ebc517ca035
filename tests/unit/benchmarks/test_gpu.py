"""The benchmark for accelerators: its sizes are the published ones, and every part of it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import measuring
from benchmarks.gpu.building import count_billions, grow, make_entry, rebuild
from benchmarks.gpu.sizes import SIZES, RealSize
from worker.engines.diffusion.loading import load_model

pytestmark = [
    pytest.mark.slow,
    # The libraries' own, with each other.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning"),
]


@pytest.mark.parametrize("family", SIZES)
def test_real_sizes_have_the_published_number_of_parameters(family: str, tmp_path: Path) -> None:
    size = SIZES[family]
    entry = make_entry(family, size.side, tmp_path)
    tiny = load_model(entry, "cpu")
    parts = {
        name: grow(getattr(tiny.pipeline, name), changes, "meta", torch.bfloat16)
        for name, changes in size.parts.items()
    }
    # A pipeline takes its measures from its parts: it must accept them together.
    rebuild(tiny.pipeline, parts)
    assert count_billions(parts[tiny.adapter.denoiser]) == pytest.approx(size.billions, rel=0.05)


def test_every_part_is_measured_on_tiny_pipelines(monkeypatch: pytest.MonkeyPatch) -> None:
    # Fewer of the same: the parts are what is tested.
    monkeypatch.setattr(measuring, "ROWS", (1, 2))
    monkeypatch.setattr(measuring, "PAIRS", 1)
    monkeypatch.setattr(measuring, "ATTENTION", ("native",))
    monkeypatch.setattr(command, "TURNS", 2)
    sizes = {name: RealSize(64, 0) for name in ("stable-diffusion", "stable-diffusion-xl")}
    page = command.measure(sizes, minutes=5, device="cpu", compiled=())
    for family in sizes:
        rows = [line for line in page.splitlines() if line.startswith(f"| {family} |")]
        # Calls, pictures in a call, variants, cancel and memory: each has a figure.
        assert len(rows) == 4
        assert all(any(cell.strip() for cell in row.split("|")[3:-1]) for row in rows)
    assert "never both were loaded" in page
