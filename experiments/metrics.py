"""Metrics of config/metrics/*.yml: one definition for the lift of syncs and for experiments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from segmentry import configuration
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import ROOT, Settings

FOLDER = "metrics"
# What the lift of every sync is measured by.
OF_SYNCS = ("revenue", "orders", "unsubscribes")


@dataclass(frozen=True)
class MetricPart:
    """Rows of a mart that count, and how those of one person become one number.

    aggregate: any (1 if there is a row, else 0), count, or sum of the column value. where: column
    to the values that count.
    """

    relation: str
    at: str
    aggregate: str
    value: str | None
    where: Mapping[str, tuple[str | float | bool, ...]]


@dataclass(frozen=True)
class Metric:
    """A numerator per person, or per denominator; window_days after the exposure, None for all.

    unit: money (reporting currency), share or count. direction: the change that is good.
    """

    name: str
    description: str
    unit: str
    numerator: MetricPart
    denominator: MetricPart | None
    window_days: int | None
    direction: str
    is_guardrail: bool

    @property
    def parts(self) -> dict[str, MetricPart]:
        """Column of a table of outcomes to the part of the metric that it contains."""
        if self.denominator is None:
            return {self.name: self.numerator}
        return {self.name: self.numerator, f"{self.name}__per": self.denominator}


def load(settings: Settings) -> dict[str, Metric]:
    """Every metric by name, or ConfigError naming file, place and remedy.

    A configuration without the folder metrics, such as an older one, uses the metrics of the
    product.
    """
    if not (settings.config / FOLDER).is_dir():
        settings = replace(settings, config=ROOT / "config")
    found = configuration.load_folder(settings, "metric", FOLDER)
    metrics = {name: _parsed(content) for name, content in found.items()}
    for metric in metrics.values():
        for part in metric.parts.values():
            _check(settings, metric.name, part)
    return metrics


def chosen(metrics: Mapping[str, Metric], names: list[str] | tuple[str, ...]) -> list[Metric]:
    """The metrics of these names, or UsageError naming those that exist."""
    if missing := [name for name in names if name not in metrics]:
        raise UsageError(
            f"there is no metric '{missing[0]}'",
            allowed=", ".join(metrics) or "a file in config/metrics",
            remedy=f"use one of these names, or add config/metrics/{missing[0]}.yml",
        )
    return [metrics[name] for name in names]


def _parsed(content: Mapping[str, Any]) -> Metric:
    per = content.get("denominator")
    return Metric(
        content["name"],
        content["description"],
        content["unit"],
        _part(content["numerator"]),
        None if per is None else _part(per),
        content.get("window_days"),
        content["direction"],
        content.get("guardrail", False),
    )


def _part(content: Mapping[str, Any]) -> MetricPart:
    where = {column: tuple(values) for column, values in content.get("where", {}).items()}
    return MetricPart(
        content["relation"], content["at"], content["aggregate"], content.get("value"), where
    )


def _check(settings: Settings, name: str, part: MetricPart) -> None:
    place = f"config/metrics/{name}.yml"
    mart = part.relation.partition(".")[2]
    folder = settings.dbt_project / "models" / "marts"
    if not (folder / f"{mart}.yml").exists():
        raise ConfigError(
            f"{place}: there is no relation {part.relation}",
            allowed=", ".join(f"marts.{path.stem}" for path in sorted(folder.glob("*.yml"))),
            remedy="name one of these relations, or add a model to dbt_project/models/marts",
        )
    columns = _columns(configuration.read(folder / f"{mart}.yml"), mart)
    if "profile_id" not in columns:
        raise ConfigError(
            f"{place}: {part.relation} has no profile_id, and its rows belong to no person",
            allowed="a relation with profile_id, such as marts.orders or marts.messages",
            remedy="name another relation",
        )
    used = [part.at, *([part.value] if part.value else []), *part.where]
    if unknown := [column for column in used if column not in columns]:
        raise ConfigError(
            f"{place}: {part.relation} has no column '{unknown[0]}'",
            allowed=", ".join(columns),
            remedy="name one of these columns, or add the column to the model",
        )


def _columns(document: Mapping[str, Any], mart: str) -> list[str]:
    model = next(model for model in document["models"] if model["name"] == mart)
    return [column["name"] for column in model.get("columns", [])]
