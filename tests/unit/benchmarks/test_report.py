"""How the speed report fits, draws and words its figures."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.peers.load import Measured
from benchmarks.report.clients import render_clients
from benchmarks.report.page import render_report
from benchmarks.report.sizes import make_picture, render_sizes
from benchmarks.report.stages import group_stages
from benchmarks.support.fitting import fit_power
from benchmarks.support.plots import Line, draw_lines, draw_stacks, list_ticks, shorten

SVG = "{http://www.w3.org/2000/svg}"


def test_exponent_and_factor_of_a_power_are_found() -> None:
    points = [(x, 3 * x**0.75) for x in (10.0, 100.0, 5000.0)]
    assert fit_power(points) == pytest.approx((0.75, 3.0))


def test_one_place_has_no_slope() -> None:
    with pytest.raises(ValueError, match="two different x"):
        fit_power([(2.0, 1.0), (2.0, 3.0)])


def test_ticks_enclose_the_values() -> None:
    assert list_ticks(16, 800) == [10, 20, 50, 100, 200, 500, 1000]
    assert list_ticks(0.002, 90000)[0] == 0.001
    assert [shorten(value) for value in (0.05, 20, 3000, 4e6)] == ["0.05", "20", "3k", "4M"]


def test_plots_are_svg_that_stays_inside_its_frame() -> None:
    plots = [
        draw_lines("Cost <1>", "px", "ms", [Line("a & b", [(16, 1), (999, 30)], fits=True)]),
        draw_stacks("Parts", "ms", {"512": {"paint": 90, "rest": 9.5}, "2048": {"paint": 7}}),
    ]
    for plot in plots:
        root = ElementTree.fromstring(plot)  # noqa: S314 - it is our own
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for one in root.iter(f"{SVG}rect"):
            assert 0 <= float(one.attrib["x"]) <= width
            assert 0 <= float(one.attrib["y"]) + float(one.attrib["height"]) <= height
        assert len(plot) < 5000
    assert "slope" in plots[0]


def test_stages_are_grouped_without_losing_any() -> None:
    found = {
        ("painting process", "paint: search"): 5.0,
        ("painting process", "verify"): 2.0,
        ("painting process", "store"): 1.0,
        ("API", "routes"): 4.0,
    }
    groups = group_stages(found)
    assert sum(groups.values()) == 12
    assert groups["paint"] == 5
    assert groups["decode, encode, verify"] == 2


def test_ratio_to_iopaint_is_there_only_where_iopaint_was() -> None:
    ours = {clients: Measured(1.0, [0.1] * clients * 6) for clients in (1, 8)}
    theirs = {clients: Measured(1.0, [0.3] * clients * 2) for clients in (1, 8)}
    beside = render_clients({"Paintjob, Telea": ours, "IOPaint 1.6.0": theirs})
    assert "3.0 to 3.0 times IOPaint's requests" in beside.ratios[0]
    alone = render_clients({"Paintjob, Telea": ours})
    assert "was not there" in alone.ratios[-1]


def test_page_begins_with_the_ratios_and_shows_every_plot() -> None:
    grows = [(100.0, 10.0), (400.0, 20.0)]
    section = render_sizes([(100.0, 15.0), (400.0, 40.0)], grows, grows)
    page = render_report([section], ["a machine", ""], 1.5, quick=True)
    assert page.index("power of 0.50") < page.index("## Cost against size")
    assert all(f"]({name})" in page for name in section.plots)


def test_hole_has_its_size() -> None:
    image, mask = make_picture(64, 16)
    assert image.shape == (64, 64, 3)
    assert (mask > 0).sum() == 256
