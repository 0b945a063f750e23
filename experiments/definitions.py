"""Experiments of config/experiments/*.yml: who is in which variant, and from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import combinations
from typing import Any

from experiments import assignment, metrics
from segmentry import configuration, sync_files
from segmentry.errors import ConfigError
from segmentry.settings import Settings

FOLDER = "experiments"


@dataclass(frozen=True)
class Layer:
    """The part from begin up to end, of 0 to 1, of the people of a layer: parts exclude others."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True)
class Experiment:
    """One experiment. segments: None for all people. weights: variant to weight, relative.

    sync, event: what exposes a person, one of the two. start, end: midnights in UTC; end is after
    the last day. hold_out: salt and share of the global hold-out, which is in no experiment.
    """

    name: str
    description: str
    owner: str
    salt: str
    segments: tuple[str, ...] | None
    weights: Mapping[str, float]
    control: str
    sync: str | None
    event: str | None
    start: datetime
    end: datetime
    layer: Layer | None
    primary: str
    guardrails: tuple[str, ...]
    minimal_effect: float
    hold_out: tuple[str, float] | None

    @property
    def metric_names(self) -> tuple[str, ...]:
        """The primary metric, then the guardrails."""
        return (self.primary, *(name for name in self.guardrails if name != self.primary))

    def variant_of(self, profile_id: str) -> str | None:
        """The variant of a profile; None outside the layer's part and in the global hold-out."""
        if (
            self.hold_out
            and assignment.share(f"{self.hold_out[0]}:{profile_id}") < (self.hold_out[1])
        ):
            return None
        layer = self.layer
        if layer and not assignment.is_within(layer.name, layer.begin, layer.end, profile_id):
            return None
        return assignment.variant(self.salt, self.weights, profile_id)

    def variant_sql(self, profile_id: str) -> str:
        """SQL of ``variant_of``; profile_id is an SQL expression."""
        conditions = []
        if self.hold_out:
            salt, share = self.hold_out
            place = assignment.share_sql(f"'{salt}:' || {profile_id}")
            conditions.append(f"{place} >= {share!r}")
        if layer := self.layer:
            conditions.append(assignment.within_sql(layer.name, layer.begin, layer.end, profile_id))
        chosen = assignment.variant_sql(self.salt, self.weights, profile_id)
        return f"case when {' and '.join(conditions) or 'true'} then {chosen} end"


def load(settings: Settings) -> dict[str, Experiment]:
    """Every experiment by name, checked against metrics, syncs and each other."""
    found = configuration.load_folder(settings, "experiment", FOLDER)
    if not found:
        return {}
    known = metrics.load(settings)
    syncs = sync_files.load(settings)
    stated = configuration.policies(settings).get("experiments") or {}
    hold_out = stated.get("global_hold_out")
    kept = (hold_out["salt"], float(hold_out["share"])) if hold_out else None
    experiments = {name: _parsed(content, kept) for name, content in found.items()}
    for experiment in experiments.values():
        _check(experiment, known, set(syncs))
    for one, other in combinations(experiments.values(), 2):
        _check_layers(one, other)
    return experiments


def one(settings: Settings, name: str) -> Experiment:
    """The experiment of that name, or UsageError naming those that exist."""
    return configuration.named(load(settings), name, "experiment", FOLDER)


def _parsed(content: Mapping[str, Any], hold_out: tuple[str, float] | None) -> Experiment:
    segments = content["population"]["segments"]
    layer = content.get("layer")
    measured = content["metrics"]
    return Experiment(
        name=content["name"],
        description=content["description"],
        owner=content["owner"],
        salt=content.get("salt", content["name"]),
        segments=None if segments == "all" else tuple(segments),
        weights={name: float(weight) for name, weight in content["variants"].items()},
        control=content["control"],
        sync=content["exposure"].get("sync"),
        event=content["exposure"].get("event"),
        start=_midnight(content, "start"),
        end=_midnight(content, "end") + timedelta(days=1),
        layer=Layer(layer["name"], float(layer["from"]), float(layer["to"])) if layer else None,
        primary=measured["primary"],
        guardrails=tuple(measured.get("guardrails", ())),
        minimal_effect=float(measured.get("minimal_effect", 0.05)),
        hold_out=hold_out,
    )


def _midnight(content: Mapping[str, Any], key: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(content[key]), time())
    except ValueError:
        raise ConfigError(
            f"config/experiments/{content['name']}.yml: {key} is '{content[key]}', which is no day",
            allowed="a day such as 2026-05-01",
            remedy="correct the day",
        ) from None


def _check(experiment: Experiment, known: Mapping[str, metrics.Metric], syncs: set[str]) -> None:
    place = f"config/experiments/{experiment.name}.yml"
    drawn = [name for name, weight in experiment.weights.items() if weight > 0]
    layer = experiment.layer
    faults = [
        (
            experiment.control not in drawn,
            f"the control '{experiment.control}' is not a variant with a weight above 0",
            ", ".join(drawn),
        ),
        (len(drawn) < 2, "fewer than two variants have a weight above 0", "two or more"),
        (experiment.end <= experiment.start, "the end is before the start", "a later end"),
        (
            layer is not None and layer.begin >= layer.end,
            "the layer's part is empty",
            "from below to, both from 0 to 1",
        ),
        (
            experiment.sync is not None and experiment.sync not in syncs,
            f"exposure names the sync '{experiment.sync}', which does not exist",
            ", ".join(sorted(syncs)),
        ),
    ]
    faults += [
        (name not in known, f"there is no metric '{name}'", ", ".join(known))
        for name in experiment.metric_names
    ]
    for is_fault, received, allowed in faults:
        if is_fault:
            raise ConfigError(f"{place}: {received}", allowed=allowed, remedy="correct the file")


def _check_layers(one: Experiment, other: Experiment) -> None:
    mine = one.layer
    theirs = other.layer
    if mine is None or theirs is None or mine.name != theirs.name:
        return
    is_at_once = one.start < other.end and other.start < one.end
    if is_at_once and mine.begin < theirs.end and theirs.begin < mine.end:
        raise ConfigError(
            f"config/experiments: {one.name} and {other.name} share a part of the layer"
            f" '{mine.name}' at the same time",
            allowed="parts or dates that do not overlap",
            remedy="change from and to, or the dates, of one of them",
        )
