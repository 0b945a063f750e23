"""Plots as SVG in the page, drawn by matplotlib: no script, and colours of the page's own style
sheet, so that they follow light and dark mode.

matplotlib draws in colours that only mark a role; each becomes a class of the style sheet.
"""

from __future__ import annotations

import hashlib
import html
import io
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#0000f1"
MUTED = "#0000f2"
GRID = "#0000f3"
SERIES = ("#0000e1", "#0000e2", "#0000e3", "#0000e4", "#0000e5", "#0000e6")
_CLASSES = {INK: "ink", MUTED: "muted", GRID: "grid", **{c: f"s{i}" for i, c in enumerate(SERIES)}}
# matplotlib's own defaults, where a part of the figure has no colour of ours.
_CLASSES |= {"#000000": "ink", "#ffffff": "paper"}

_STYLE = re.compile(r' style="([^"]*)"')
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r"(?:href=\"#|url\(#)([^\")]+)")
_HEAD = re.compile(r"^.*?(?=<svg)", re.S)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.S)
_FONT = re.compile(r"([\d.]+)px")
_ROOT = re.compile(r"<svg [^>]*?viewBox=\"([^\"]+)\"[^>]*>", re.S)

INCHES_WIDE = 7.6


def lines(label: str, series: Mapping[str, Sequence[float]], ticks: Sequence[str]) -> Markup:
    """Values over time. label: what a screen reader hears; ticks: one text per value."""
    frozen = tuple((name, tuple(values)) for name, values in series.items())
    return _lines(label, frozen, tuple(ticks))


@lru_cache(maxsize=256)
def _lines(
    label: str, series: tuple[tuple[str, tuple[float, ...]], ...], ticks: tuple[str, ...]
) -> Markup:
    def draw(axes: Axes) -> None:
        for (name, values), colour in zip(series, SERIES * 3, strict=False):
            mark = "o" if len(values) < 40 else None
            axes.plot(range(len(values)), values, color=colour, marker=mark, ms=4, label=name)
        step = max(1, len(ticks) // 6)
        axes.set_xticks(range(0, len(ticks), step), ticks[::step])
        axes.set_ylim(bottom=0)
        if len(series) > 1:
            axes.legend(frameon=False, labelcolor=INK, ncols=3, loc="best")

    return drawn(label, draw, 2.4)


def bars(label: str, values: Mapping[str, float]) -> Markup:
    """A horizontal bar per name, the first on top, with its value."""
    return _bars(label, tuple(values.items()))


@lru_cache(maxsize=256)
def _bars(label: str, values: tuple[tuple[str, float], ...]) -> Markup:
    def draw(axes: Axes) -> None:
        places = range(len(values))
        drawn_bars = axes.barh(places, [value for _, value in values], color=SERIES[0], height=0.7)
        axes.set_yticks(places, [name for name, _ in values])
        axes.bar_label(drawn_bars, [f"{v:,.4g}" for _, v in values], padding=4, color=INK)
        axes.invert_yaxis()
        axes.margins(x=0.12)

    return drawn(label, draw, 0.5 + 0.28 * max(1, len(values)))


def drawn(label: str, draw: Callable[[Axes], None], inches_high: float) -> Markup:
    """A figure with one pair of axes. label: what a screen reader hears."""
    import matplotlib
    from matplotlib.figure import Figure

    options: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "segmentry",
        "font.size": 9,
        "axes.edgecolor": GRID,
        "axes.labelcolor": MUTED,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "grid.color": GRID,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with matplotlib.rc_context(options):
        figure = Figure(figsize=(INCHES_WIDE, inches_high), layout="constrained")
        axes = figure.add_subplot()
        axes.patch.set_visible(False)
        figure.patch.set_visible(False)
        axes.grid(axis="y", linewidth=0.6)
        axes.set_axisbelow(True)
        draw(axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return themed(buffer.getvalue(), label)


def themed(svg: str, label: str) -> Markup:
    """matplotlib's SVG without inline styles, which the page's policy refuses, with classes in
    place of colours and with ids that no other plot of the page has.
    """
    text = _METADATA.sub("", _HEAD.sub("", svg, count=1))
    text = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", text, flags=re.S)
    text = _STYLE.sub(lambda found: _attributes(found[1]), text).replace("xlink:href", "href")
    mark = hashlib.sha256(f"{label}{text}".encode()).hexdigest()[:8]
    used = set(_REFERENCE.findall(text))
    text = _ID.sub(lambda found: f' id="{mark}{found[1]}"' if found[1] in used else "", text)
    text = _REFERENCE.sub(lambda found: found[0].replace("#", f"#{mark}", 1), text)
    heading = html.escape(label, quote=True)
    text = _ROOT.sub(
        rf'<svg class="plot" viewBox="\1" role="img" aria-label="{heading}">', text, count=1
    )
    framed = f'<div class="scroll" role="region" aria-label="Plot" tabindex="0">{text}</div>'
    return Markup(framed)  # noqa: S704  # made above, of our figures; labels are escaped by matplotlib


def _attributes(style: str) -> str:
    """The declarations of a style as attributes of SVG, colours as classes."""
    classes = []
    kept = []
    for declaration in style.split(";"):
        name, colon, value = (part.strip() for part in declaration.partition(":"))
        if not colon:
            continue
        if name in {"fill", "stroke"} and value in _CLASSES:
            classes.append(f"{name}-{_CLASSES[value]}")
        elif name == "font":
            size = _FONT.search(value)
            kept.append(f'font-size="{size[1] if size else 9}"')
        else:
            kept.append(f'{name}="{html.escape(value, quote=True)}"')
    named = f' class="{" ".join(classes)}"' if classes else ""
    return named + "".join(f" {one}" for one in kept)


def sparkline(values: Sequence[float], label: str) -> Markup:
    """A line without axes, for a cell: a mark rather than a plot, so it is one element."""
    if len(values) < 2:
        return Markup("")
    low = min(values)
    height = (max(values) - low) or 1.0
    step = 96 / (len(values) - 1)
    points = " ".join(
        f"{2 + i * step:.1f},{22 - 20 * (value - low) / height:.1f}"
        for i, value in enumerate(values)
    )
    return Markup(
        '<svg class="spark" viewBox="0 0 100 24" role="img" aria-label="{}">'
        '<polyline points="{}" class="stroke-s0" fill="none"/></svg>'
    ).format(label, points)


@lru_cache(maxsize=256)
def intervals(label: str, effects: tuple[tuple[str, float, float, float], ...]) -> Markup:
    """Effects with their intervals against zero: (name, effect, low, high) each."""

    def draw(axes: Axes) -> None:
        for place, (_, effect, low, high) in enumerate(effects):
            axes.plot([low, high], [place, place], color=SERIES[0], linewidth=2.5)
            axes.plot([effect], [place], "o", color=INK, ms=5)
        axes.axvline(0, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_yticks(range(len(effects)), [name for name, *_ in effects])
        axes.invert_yaxis()
        axes.set_xlabel("percent")
        axes.margins(y=0.15)

    return drawn(label, draw, 0.9 + 0.32 * len(effects))
