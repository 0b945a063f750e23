"""Reads an experiment: who was exposed, and what each variant changed so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from experiments import analysis, exposed, metrics, outcomes
from experiments.analysis import Effect, RatioCheck
from experiments.definitions import Experiment
from experiments.metrics import Metric
from segmentry import clock, tables, warehouse
from segmentry.settings import Settings

EXPOSURES = "measurement.exposures"
_EXPOSURES = (
    "experiment varchar, salt varchar, profile_id varchar, variant varchar, exposed_at timestamp"
)
RELATION = "measurement.experiment_effects"
COLUMNS = (
    "experiment varchar, segment varchar, metric varchar, is_primary boolean,"
    " is_guardrail boolean, variant varchar, people bigint, people_control bigint, mean double,"
    " mean_control double, effect double, low double, high double, daily_low double,"
    " daily_high double, p_value double, p_adjusted double, ratio_p_value double,"
    " is_ratio_broken boolean, as_of timestamp, verdict varchar"
)
EVERYONE = "all"


@dataclass(frozen=True)
class Reading:
    """Effects of an experiment at as_of.

    by_segment: segment to the effects on the primary metric among its members, p-values corrected
    over all segments. crossed: people that a merge of profiles puts in two variants, left out.
    """

    experiment: Experiment
    ratio: RatioCheck
    effects: tuple[Effect, ...]
    by_segment: Mapping[str, tuple[Effect, ...]]
    metrics: tuple[Metric, ...]
    crossed: int
    as_of: datetime

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        name = self.experiment.name
        if self.ratio.is_broken:
            return (
                f"No verdict for {name}: the split {_counts(self.ratio)} is not as planned"
                f" (p = {self.ratio.p_value:.1g}); find what removes people from a variant first."
            )
        known = [effect for effect in self.effects if effect.is_known]
        if not known:
            return (
                f"No verdict for {name} yet: {_counts(self.ratio)}; each variant needs"
                f" {analysis.LEAST_PEOPLE} exposed people and an outcome."
            )
        if worse := [e for e in known if e.metric != self.experiment.primary and self._good(e) < 0]:
            named = ", ".join(f"{effect.variant} worsens {effect.metric}" for effect in worse)
            return f"Stop {name}: {named} ({analysis.LEVEL:.0%}, valid at every reading)."
        parts = [self._part(e) for e in known if e.metric == self.experiment.primary]
        return f"{name}: {'; '.join(parts)} ({analysis.LEVEL:.0%}, valid at every reading)."

    def _part(self, effect: Effect) -> str:
        word = {1: "improves", 0: "does not differ yet on", -1: "worsens"}[self._good(effect)]
        radius = (effect.daily_high or 0.0) - effect.effect
        return (
            f"{effect.variant} {word} {effect.metric}: {effect.effect:+,.4g} +- {radius:,.4g}"
            f" against {effect.control_mean:,.4g} of {effect.control}"
        )

    def _good(self, effect: Effect) -> int:
        """1 better, -1 worse, 0 not decided; by the interval that is valid at every reading.

        The level is shared between all comparisons (Bonferroni), so that one of many does not
        decide by chance.
        """
        if effect.daily_high is None or effect.standard_error is None:
            return 0
        comparisons = max(1, len(self.effects))
        level = 1 - (1 - analysis.LEVEL) / comparisons
        people = effect.people + effect.control_people
        radius = analysis.daily_radius(effect.standard_error, people, level)
        sign = int(effect.effect - radius > 0) - int(effect.effect + radius < 0)
        direction = next(m.direction for m in self.metrics if m.name == effect.metric)
        return sign if direction == "increase" else -sign


def _counts(ratio: RatioCheck) -> str:
    return ", ".join(f"{count:,} in {name}" for name, count in ratio.people.items())


def record(lake: duckdb.DuckDBPyConnection, experiment: Experiment, as_of: datetime) -> int:
    """Add people exposed for the first time between start and end; returns how many were added.

    A person who is assigned but was shown nothing is not exposed. The variant of the first
    exposure is kept when weights change.
    """
    lake.execute(f"create table if not exists lake.{EXPOSURES} ({_EXPOSURES})")
    source = "marts.events" if experiment.event is not None else "activation.sync_changelog"
    if not warehouse.relation_exists(lake, source):
        return 0
    news = f"""
        select profile_id, {experiment.variant_sql("profile_id")} as variant, exposed_at
        from ({_seen_sql(lake, experiment)})
        where profile_id not in (
            select profile_id from lake.{EXPOSURES} where experiment = $name and salt = $salt
        )"""
    parameters = {
        "name": experiment.name, "salt": experiment.salt, "source": experiment.event
        or experiment.sync, "begin": experiment.start, "finish": min(experiment.end, as_of),
    }  # fmt: skip
    row = lake.execute(
        f"insert into lake.{EXPOSURES} select $name, $salt, profile_id, variant, exposed_at"
        f" from ({news}) where variant is not null order by profile_id",
        parameters,
    ).fetchone()
    return int(row[0]) if row else 0


def _seen_sql(lake: duckdb.DuckDBPyConnection, experiment: Experiment) -> str:
    """Query of (profile_id, exposed_at): the first exposure of members of the population."""
    if experiment.event is not None:
        # An event may name its experiment, as the Segment Spec's Experiment Viewed does.
        seen = """
            select profile_id, event_at as seen_at from lake.marts.events
            where event = $source and not coalesce(is_bot, false)
                and coalesce(json_extract_string(properties, '$.experiment_id'), $name) = $name"""
    else:
        seen = """
            select changes.profile_id, runs.as_of as seen_at
            from lake.activation.sync_changelog as changes
            inner join lake.activation.sync_runs as runs on changes.run_id = runs.run_id
            where changes.sync = $source and changes.status = 'sent'
                and changes.operation in ('add', 'update')"""
    member = ""
    if experiment.segments is not None:
        named = ", ".join(f"'{segment}'" for segment in experiment.segments)
        member = f"""and exists (
            select 1 from lake.segments.membership_history as stays
            where stays.profile_id = seen.profile_id and stays.segment in ({named})
                and stays.entered_at <= seen.seen_at
                and (stays.left_at is null or stays.left_at > seen.seen_at))"""
    return f"""
        select seen.profile_id, min(seen.seen_at) as exposed_at from ({seen}) as seen
        where seen.profile_id is not null
            and seen.seen_at >= $begin and seen.seen_at <= $finish {member}
        group by seen.profile_id"""


def read(lake: duckdb.DuckDBPyConnection, settings: Settings, experiment: Experiment) -> Reading:
    """Record new exposures and compare the variants."""
    as_of = clock.read_from(lake)
    record(lake, experiment, as_of)
    measured = metrics.chosen(metrics.load(settings), experiment.metric_names)
    logged = (
        f"select profile_id, variant, exposed_at from lake.{EXPOSURES}"
        f" where experiment = '{experiment.name}' and salt = '{experiment.salt}'"
    )
    people = exposed.people_sql(lake, logged)
    table = outcomes.table(lake, people, measured, as_of)
    crossed = int((table["variants"] > 1).sum())
    table = table[table["variants"] == 1]
    counts = {str(name): int(count) for name, count in table["variant"].value_counts().items()}
    weights = {name: weight for name, weight in experiment.weights.items() if weight > 0}
    return Reading(
        experiment,
        analysis.sample_ratio(counts, weights),
        tuple(analysis.effects(table, measured, experiment.control)),
        _by_segment(lake, experiment, table, measured[0]),
        tuple(measured),
        crossed,
        as_of,
    )


def _by_segment(
    lake: duckdb.DuckDBPyConnection, experiment: Experiment, table: object, metric: Metric
) -> dict[str, tuple[Effect, ...]]:
    import pandas as pd

    relation = "segments.membership_history"
    if not isinstance(table, pd.DataFrame) or not len(table):
        return {}
    if not warehouse.relation_exists(lake, relation):
        return {}
    lake.register("exposed_people", table[["profile_id", "exposed_at"]])
    # Membership at exposure: a segment that the variant itself brings people into shows nothing.
    members = lake.execute(
        f"select distinct stays.segment, stays.profile_id from lake.{relation} as stays"
        " inner join exposed_people on stays.profile_id = exposed_people.profile_id"
        " where stays.entered_at <= exposed_people.exposed_at"
        " and (stays.left_at is null or stays.left_at > exposed_people.exposed_at)"
    ).df()
    lake.unregister("exposed_people")
    found: dict[str, list[Effect]] = {}
    for segment, group in members.groupby("segment"):
        part = table[table["profile_id"].isin(group["profile_id"])]
        found[str(segment)] = analysis.effects(part, [metric], experiment.control)
    return analysis.corrected_together(found)


def write(lake: duckdb.DuckDBPyConnection, readings: list[Reading]) -> int:
    """Bring measurement.experiment_effects to these readings; returns its rows."""
    rows = [
        _row(reading, segment, effect)
        for reading in readings
        for segment, effects in {EVERYONE: reading.effects, **reading.by_segment}.items()
        for effect in effects
    ]
    tables.replace_rows(lake, RELATION, COLUMNS, rows)
    return len(rows)


def _row(reading: Reading, segment: str, effect: Effect) -> tuple[object, ...]:
    guardrails = {metric.name for metric in reading.metrics if metric.is_guardrail}
    guardrails |= set(reading.experiment.guardrails)
    return (
        reading.experiment.name, segment, effect.metric,
        effect.metric == reading.experiment.primary, effect.metric in guardrails, effect.variant,
        effect.people, effect.control_people, effect.mean, effect.control_mean, effect.effect,
        effect.low, effect.high, effect.daily_low, effect.daily_high, effect.p_value,
        effect.p_adjusted, reading.ratio.p_value, reading.ratio.is_broken, reading.as_of,
        reading.sentence,
    )  # fmt: skip
