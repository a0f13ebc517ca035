from __future__ import annotations

import re

from service.guide.flowchart import draw_flowchart, parse_flowchart

CHART = """flowchart TD
    top["top<br>a & b"] --> middle & low
    middle --> low
    beside["beside"]
"""


def test_boxes_and_arrows_are_read() -> None:
    chart = parse_flowchart(CHART)
    assert set(chart.labels) == {"top", "middle", "low", "beside"}
    assert chart.labels["top"] == ["top", "a & b"]
    assert chart.arrows == [("top", "middle"), ("top", "low"), ("middle", "low")]


def test_every_box_lies_above_those_that_it_points_to() -> None:
    svg = draw_flowchart(CHART)
    tops = dict(
        zip(
            re.findall(r'class="first">(\w+)<', svg),
            map(float, re.findall(r'<rect x="\S+" y="(\S+)"', svg)),
            strict=True,
        )
    )
    assert tops["top"] < tops["middle"] < tops["low"] == tops["beside"]
    assert "a &amp; b" in svg


def test_arrows_end_at_edges_of_boxes() -> None:
    svg = draw_flowchart(CHART)
    curves = re.findall(r'<path d="M\S+ (\S+?)C.*? (\S+?)"/>', svg)
    assert len(curves) == 3
    assert all(float(start) < float(end) for start, end in curves)
