"""Plots are SVG that the page's policy lets through and that follow its colours."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from console import flows, identity_graph, plots

PNG = b"\x89PNG\r\n\x1a\n"
HOSTILE = '<script>alert("1")</script> & co'


def _links(count: int) -> list[dict[str, str]]:
    return [
        {"left_type": "email", "left_identifier": f"a{n}{HOSTILE}", "right_type": "cookie",
         "right_identifier": "c", "rule": "login"}
        for n in range(count)
    ]  # fmt: skip


def _drawn(name: str) -> Markup | None:
    rows = [
        {"from_stage": "new", "to_stage": HOSTILE, "transitions": 3},
        {"from_stage": HOSTILE, "to_stage": "lapsed", "transitions": 2},
        {"from_stage": "lapsed", "to_stage": HOSTILE, "transitions": 1},
    ]
    links = _links(4)
    nodes = identity_graph.names(links, lambda value: value)
    made = {
        "lines": lambda: plots.lines(HOSTILE, {HOSTILE: [1.0, 2.0], "b": [0.0, 3.0]}, ["x", "y"]),
        "bars": lambda: plots.bars(HOSTILE, {HOSTILE: 3.0, "b": 0.0}),
        "intervals": lambda: plots.intervals(HOSTILE, ((HOSTILE, 1.0, -1.0, 2.0),)),
        "flow": lambda: flows.drawn(HOSTILE, rows, [HOSTILE]),
        "graph": lambda: identity_graph.drawn(links, nodes),
    }
    return made[name]()


@pytest.mark.parametrize("name", ["lines", "bars", "intervals", "flow", "graph"])
def test_a_plot_has_no_style_script_or_own_colour(name: str) -> None:
    text = _drawn(name)
    assert text is not None
    root = ElementTree.fromstring(text)  # well formed, so nothing escaped from its place
    tags = {str(element.tag).rpartition("}")[2] for element in root.iter()}
    assert tags.isdisjoint({"script", "style", "image", "foreignObject"})
    assert not [e for e in root.iter() if "style" in e.attrib]
    colours = re.findall(r'(?:fill|stroke)="(#[0-9a-f]+)"', text)
    assert colours == []
    assert re.search(r'class="(?:fill|stroke)-', text)


def test_ids_of_two_plots_differ() -> None:
    found = [set(re.findall(r' id="([^"]+)"', str(_drawn(name)))) for name in ("lines", "bars")]
    assert found[0] and found[1] and not found[0] & found[1]


def test_identifiers_that_are_masked_alike_stay_apart() -> None:
    nodes = identity_graph.names(_links(3), lambda value: str(value)[:1] + "…")
    assert sorted(nodes.values()) == ["cookie:c…", "email:a…", "email:a… (2)", "email:a… (3)"]


def test_a_graph_of_too_many_is_not_drawn() -> None:
    links = _links(identity_graph.MOST_NODES)
    assert identity_graph.drawn(links, identity_graph.names(links, str)) is None
    assert identity_graph.drawn([], {}) is None


def test_a_sparkline_needs_two_values() -> None:
    assert plots.sparkline([1.0], "x") == ""
    assert 'points="2.0,22.0 98.0,2.0"' in plots.sparkline([1.0, 3.0], HOSTILE)
    assert "<script>" not in plots.sparkline([1.0, 3.0], HOSTILE)
