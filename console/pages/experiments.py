"""Experiments and lift: what syncs and experiments changed, with intervals."""

from __future__ import annotations

from typing import Any

from console import plots
from console.asked import Asked, ConsolePage, ConsoleRoute, HtmlAnswer
from console.cells import Badge, HtmlTable, Relation

_EFFECT = {
    "metric": "Metric", "role": "Role", "mean": "Mean", "control": "Mean of control",
    "effect": "Effect", "interval": "95% interval, valid at every reading",
    "p_adjusted": "p corrected",
}  # fmt: skip


def overview(asked: Asked) -> HtmlAnswer:
    """The verdict and the effects of every sync with a hold-out, and of every experiment."""
    lift = asked.read(
        "measurement.sync_lift", "measure", "select * from {relation} order by kind, name, metric"
    )
    effects = asked.read(
        "measurement.experiment_effects",
        "measure",
        "select * from {relation} where segment = 'all'"
        " order by experiment, variant, is_primary desc, metric",
    )
    return HtmlAnswer(
        "experiments.html",
        {
            "lifts": _parts(lift, "name", _lift_row),
            "lift_missing": lift.missing,
            "experiments": _parts(effects, "experiment", _effect_row),
            "effects_missing": effects.missing,
        },
    )


def _parts(found: Relation, key: str, shaped: Any) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in found.rows:
        groups.setdefault(row[key], []).append(row)
    return [
        {
            "name": name,
            "verdict": rows[0]["verdict"],
            "table": HtmlTable(f"Effects of {name}", _EFFECT, [shaped(row) for row in rows]),
            "plot": _plot(name, rows),
        }
        for name, rows in groups.items()
    ]


def _lift_row(row: dict[str, Any]) -> dict[str, Any]:
    return {**_row(row), "mean": row["mean_sent"], "control": row["mean_held_out"]}


def _effect_row(row: dict[str, Any]) -> dict[str, Any]:
    return {**_row(row), "mean": row["mean"], "control": row["mean_control"]}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    low = row["daily_low"]
    high = row["daily_high"]
    role = "guardrail" if row["is_guardrail"] else "primary" if row.get("is_primary") else ""
    name = f"{row['metric']}: {row['variant']}" if row.get("variant") else row["metric"]
    return {
        "metric": name,
        "role": Badge(role) if role else None,
        "effect": row["effect"],
        "interval": "–" if low is None or high is None else f"{low:.4g} to {high:.4g}",
        "p_adjusted": row["p_adjusted"],
    }


def _plot(name: str, rows: list[dict[str, Any]]) -> Any:
    """Effects as shares of the control's mean, so that all metrics share one scale."""
    found = []
    for row in rows:
        base = abs(row.get("mean_held_out", row.get("mean_control")) or 0.0)
        if base and row["daily_low"] is not None and row["daily_high"] is not None:
            title = f"{row['metric']} {row.get('variant') or ''}".strip()
            values = (row["effect"], row["daily_low"], row["daily_high"])
            found.append((title, *(100 * value / base for value in values)))
    if not found:
        return None
    label = f"Effects of {name} in percent of the control's mean, with intervals"
    return plots.intervals(label, tuple(found))


PAGE = ConsolePage("Experiments", 70, (ConsoleRoute("/experiments", overview),))
