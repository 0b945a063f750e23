"""The identifiers of one person and their links, as a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from console import plots
from identity import evidence
from identity.people import Node

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More nodes than this are a cloud in which nothing can be read; the table has the links.
MOST_NODES = 60
_FEW = 12  # of these the rules of links are written too
_LETTERS = 26


def names(links: Sequence[Mapping[str, Any]], hide: Callable[[object], Any]) -> dict[Node, str]:
    """Each identifier as the visitor may see it; two that are masked alike get numbers."""
    seen: dict[str, int] = {}
    found: dict[Node, str] = {}
    for node in (end for link in links for end in evidence.ends(link)):
        if node in found:
            continue
        kind, value = node
        text = f"{kind}:{hide(value)}"
        seen[text] = seen.get(text, 0) + 1
        found[node] = text if seen[text] == 1 else f"{text} ({seen[text]})"
    return found


def drawn(links: Sequence[Mapping[str, Any]], nodes: Mapping[Node, str]) -> Markup | None:
    """The graph as SVG; None where there is nothing to draw or too much."""
    if not 2 <= len(nodes) <= MOST_NODES:
        return None
    import networkx as nx

    graph = nx.Graph()
    for link in links:
        left, right = evidence.ends(link)
        graph.add_edge(nodes[left], nodes[right], rule=link["rule"])
    places = nx.kamada_kawai_layout(graph)
    kinds = {kind: place for place, kind in enumerate(sorted({kind for kind, _ in nodes}))}

    def draw(axes: Axes) -> None:
        axes.set_axis_off()
        for left, right, rule in graph.edges(data="rule"):
            (x0, y0) = places[left]
            (x1, y1) = places[right]
            axes.plot([x0, x1], [y0, y1], color=plots.GRID, linewidth=1.4, zorder=1)
            if len(nodes) <= _FEW:
                middle = ((x0 + x1) / 2, (y0 + y1) / 2)
                axes.annotate(rule, middle, color=plots.MUTED, ha="center", fontsize=7)
        for text, (x, y) in places.items():
            colour = plots.SERIES[kinds[text.partition(":")[0]] % len(plots.SERIES)]
            axes.plot([x], [y], "o", color=colour, ms=9, zorder=2)
            axes.annotate(
                _short(text), (x, y), (0, 8), textcoords="offset points", ha="center", fontsize=8
            )
        axes.margins(0.18)

    label = f"{len(nodes)} identifiers joined by {graph.number_of_edges()} links"
    return plots.drawn(label, draw, 4.4 if len(nodes) <= _FEW else 6.4)


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"
