"""A journey as a flow: stages from left to right, bands as wide as the changes between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from console import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH = 0.09  # of a stage's bar, where stages are 1 apart
_GAP = 0.04  # between bands that meet, as a share of the largest stage


def order_of(rows: Sequence[Mapping[str, Any]], stated: Sequence[str]) -> list[str]:
    """Stages from left to right: ``new``, the configured order, others, ``lapsed``."""
    found = {row["from_stage"] for row in rows} | {row["to_stage"] for row in rows}
    middle = [stage for stage in stated if stage in found and stage not in {"new", "lapsed"}]
    others = sorted(found - {"new", "lapsed", *middle})
    return [
        *(["new"] if "new" in found else []),
        *middle,
        *others,
        *(["lapsed"] if "lapsed" in found else []),
    ]


def drawn(name: str, rows: Sequence[Mapping[str, Any]], stated: Sequence[str]) -> Markup | None:
    """The flow as SVG; changes to an earlier stage are in the table alone."""
    order = order_of(rows, stated)
    places = {stage: place for place, stage in enumerate(order)}
    forward = [row for row in rows if places[row["from_stage"]] < places[row["to_stage"]]]
    if not forward:
        return None
    heights = {stage: max(_sum(forward, "from_stage", stage), _sum(forward, "to_stage", stage))
               for stage in order}  # fmt: skip
    largest = max(heights.values())

    def draw(axes: Axes) -> None:
        from matplotlib.patches import Rectangle

        axes.set_axis_off()
        for place, stage in enumerate(order):
            bar = Rectangle((place, 0), _WIDTH, heights[stage], color=plots.INK)
            axes.add_patch(bar)
            top = (place + _WIDTH / 2, heights[stage] + largest * _GAP)
            axes.annotate(f"{stage}\n{heights[stage]:,}", top, ha="center", fontsize=8)
        _bands(axes, forward, places)
        axes.set_xlim(-0.3, len(order) - 0.5)
        axes.set_ylim(0, largest * 1.2)

    label = f"Flow of the journey {name} through {', '.join(order)}"
    return plots.drawn(label, draw, 3.6)


def _bands(axes: Axes, forward: Sequence[Mapping[str, Any]], places: Mapping[str, int]) -> None:
    left: dict[str, float] = {}
    entered: dict[str, float] = {}
    near_first = sorted(forward, key=lambda r: places[r["to_stage"]] - places[r["from_stage"]])
    for row in near_first:
        begin = left.get(row["from_stage"], 0.0)
        finish = entered.get(row["to_stage"], 0.0)
        size = float(row["transitions"])
        colour = plots.SERIES[places[row["to_stage"]] % len(plots.SERIES)]
        ends = (places[row["from_stage"]] + _WIDTH, places[row["to_stage"]])
        _band(axes, ends, (begin, finish), size, colour)
        left[row["from_stage"]] = begin + size
        entered[row["to_stage"]] = finish + size


def _band(
    axes: Axes, ends: tuple[float, float], floors: tuple[float, float], size: float, colour: str
) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    (x0, x1) = ends
    (y0, y1) = floors
    middle = (x0 + x1) / 2
    points = [
        (x0, y0), (middle, y0), (middle, y1), (x1, y1),
        (x1, y1 + size), (middle, y1 + size), (middle, y0 + size), (x0, y0 + size), (x0, y0),
    ]  # fmt: skip
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(Path(points, codes), facecolor=colour, edgecolor="none", alpha=0.45))


def _sum(rows: Sequence[Mapping[str, Any]], key: str, stage: str) -> int:
    return sum(int(row["transitions"]) for row in rows if row[key] == stage)
