"""HTML pages of effects: one row per comparison with its interval, without script or network."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments import analysis
from experiments.analysis import Effect
from experiments.lift import SyncLift, totals, variance_reduction
from experiments.reading import Reading
from segmentry import page
from segmentry.settings import Settings

_LEFT = 260
_WIDTH = 620
_LINE = 34


def lifts_place(settings: Settings) -> Path:
    """Where the page of the lift of syncs is."""
    return settings.home / "measurement" / "lift.html"


def write_lifts(settings: Settings, lifts: Sequence[SyncLift]) -> Path:
    """Write the page of the lift of syncs again."""
    parts = [page.section(f"{one.kind} {one.name}", one.sentence, _lift(one)) for one in lifts]
    nothing = "<p>No sync has a hold-out. Add hold_out to a file of config/syncs.</p>"
    return _write(lifts_place(settings), "What syncs have changed", parts or [nothing])


def reading_place(settings: Settings, name: str) -> Path:
    """Where the page of an experiment is."""
    return settings.home / "measurement" / f"experiment_{name}.html"


def write_reading(settings: Settings, reading: Reading) -> Path:
    """Write the page of an experiment again."""
    people = {f"exposed to {name}": f"{count:,}" for name, count in reading.ratio.people.items()}
    facts = {
        **people,
        "p of the split": f"{reading.ratio.p_value:.3f}",
        "in two variants, left out": f"{reading.crossed:,}",
    }
    parts = [page.section("Verdict", reading.sentence, page.tiles(facts))]
    if not reading.ratio.is_broken:
        parts.append(page.section("Effects", "Corrected by Holm.", effects(reading.effects)))
        by_segment = "Members at exposure; p corrected over all segments. A hint, not a verdict."
        rows = [
            {"segment": segment, **_row(effect)}
            for segment, found in reading.by_segment.items()
            for effect in found
        ]
        parts.append(page.section("By segment", by_segment, page.table(rows)))
    place = reading_place(settings, reading.experiment.name)
    return _write(place, f"Experiment {reading.experiment.name}", parts)


def _write(place: Path, title: str, parts: Sequence[str]) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    text = page.document(title, parts)
    if not place.exists() or place.read_text(encoding="utf-8") != text:
        place.write_text(text, encoding="utf-8")
    return place


def _lift(lift: SyncLift) -> str:
    sent, held_out = lift.people
    facts = {
        "people sent": f"{sent:,}",
        "people held out": f"{held_out:,}",
        "p of the split": f"{lift.ratio.p_value:.3f}",
        "in both groups, left out": f"{lift.crossed:,}",
    }
    if revenue := lift.effect_on("revenue"):
        total, radius = totals(revenue)
        known = f"{total:,.0f} ± {radius:,.0f} {lift.currency}"
        facts = {"earned": known if revenue.is_known else "not known yet", **facts}
    if lift.ratio.is_broken:
        return page.tiles(facts)
    return page.tiles(facts) + effects(lift.effects)


def effects(found: Sequence[Effect]) -> str:
    """A plot of the intervals, and the figures below it."""
    return plot(found) + page.table([_row(effect) for effect in found])


def _row(effect: Effect) -> dict[str, Any]:
    reduction = variance_reduction(effect)
    return {
        "metric": effect.metric,
        "variant": effect.variant,
        "people": effect.people,
        "mean": effect.mean,
        "mean of control": effect.control_mean,
        "effect": effect.effect,
        f"{analysis.LEVEL:.0%} at the end": interval(effect.low, effect.high),
        f"{analysis.LEVEL:.0%} at every reading": interval(effect.daily_low, effect.daily_high),
        "p corrected": effect.p_adjusted,
        "variance removed": None if reduction is None else f"{reduction:.0%}",
    }


def interval(low: float | None, high: float | None) -> str:
    """An interval as text; a dash if there is none."""
    return "–" if low is None or high is None else f"{low:,.4g} to {high:,.4g}"


def plot(found: Sequence[Effect]) -> str:
    """Each effect relative to its widest interval: thin line at every reading, thick at the end."""
    known = [effect for effect in found if effect.is_known]
    if not known:
        return ""
    height = _LINE * len(known) + 12
    middle = _LEFT + _WIDTH / 2
    zero = (
        f'<line x1="{middle}" x2="{middle}" y1="0" y2="{height}" stroke="#8a94a0"'
        ' stroke-dasharray="4 3"/>'
    )
    lines = "".join(_interval(effect, 22 + i * _LINE) for i, effect in enumerate(known))
    return (
        f'<div class="chart"><svg viewBox="0 0 960 {height}" width="960" height="{height}"'
        f' role="img" aria-label="{len(known)} effects with intervals" font-size="13">'
        f"{zero}{lines}</svg></div>"
    )


def _interval(effect: Effect, y: float) -> str:
    ends = [effect.daily_low, effect.daily_high, effect.low, effect.high]
    widest = max(abs(end) for end in ends if end is not None) or 1.0

    def x(value: float | None) -> float:
        return _LEFT + _WIDTH / 2 * (1 + (value or 0.0) / widest)

    label = html.escape(f"{effect.metric}: {effect.variant}")
    return (
        f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{label}</text>'
        f'<line x1="{x(effect.daily_low):.1f}" x2="{x(effect.daily_high):.1f}" y1="{y}" y2="{y}"'
        ' stroke="#7fa8d3" stroke-width="2"/>'
        f'<line x1="{x(effect.low):.1f}" x2="{x(effect.high):.1f}" y1="{y}" y2="{y}"'
        ' stroke="#0b5cad" stroke-width="6"/>'
        f'<circle cx="{x(effect.effect):.1f}" cy="{y}" r="6" fill="#1c2733"/>'
        f'<text x="{_LEFT + _WIDTH + 8}" y="{y + 4}">{effect.effect:,.4g}</text>'
    )
