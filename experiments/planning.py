"""How many people an experiment needs, and how long it takes, before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from experiments import metrics, outcomes
from experiments.definitions import Experiment
from experiments.metrics import Metric
from segmentry import clock
from segmentry.errors import NotReadyError
from segmentry.settings import Settings

POWER = 0.8
LEVEL = 0.95
# Days whose arrivals and outcomes stand for those to come.
PAST_DAYS = 28


@dataclass(frozen=True)
class Sizing:
    """What an experiment needs. minimal_effect: share of the mean of the primary metric.

    people_needed: exposed people in all variants. people_per_day: newly exposed. days: until so
    many are exposed and the metric's window has passed; None if nobody arrives. days_planned: from
    start to end. mean, deviation: of the primary metric over the past 28 days, per person.
    """

    experiment: str
    metric: str
    mean: float
    deviation: float
    minimal_effect: float
    people_needed: int
    people_now: int
    people_per_day: float
    days: int | None
    days_planned: int

    @property
    def sentence(self) -> str:
        """What the figures mean for the planned dates."""
        needs = (
            f"{self.experiment} needs {self.people_needed:,} people to find a change of"
            f" {self.minimal_effect:.3g} x the mean of {self.metric} ({POWER:.0%} power,"
            f" {LEVEL:.0%} level)"
        )
        if self.days is None:
            return f"{needs}; {self.people_now:,} are there and nobody arrives."
        is_enough = "is long enough" if self.days <= self.days_planned else "is too short"
        return f"{needs}: {self.days:,} days; the plan of {self.days_planned:,} {is_enough}."


def plan(lake: duckdb.DuckDBPyConnection, settings: Settings, experiment: Experiment) -> Sizing:
    """Required people and days for the minimal effect on the primary metric."""
    metric = metrics.chosen(metrics.load(settings), [experiment.primary])[0]
    as_of = clock.read_from(lake)
    mean, deviation = _past(lake, experiment, metric, as_of)
    if mean == 0 or deviation == 0:
        raise NotReadyError(
            f"nobody in the population of {experiment.name} has an outcome on {metric.name} in the"
            f" past {PAST_DAYS} days, so its variance is not known",
            allowed="a population and a primary metric with outcomes",
            remedy="choose another primary metric, or a wider population",
        )
    needed = people_needed(experiment, mean, deviation)
    now, per_day = _arrivals(lake, experiment, as_of)
    missing = max(0, needed - now)
    days = None
    if missing == 0 or per_day > 0:
        waiting = math.ceil(missing / per_day) if missing else 0
        days = waiting + (metric.window_days or PAST_DAYS)
    return Sizing(
        experiment.name, metric.name, mean, deviation, experiment.minimal_effect, needed, now,
        per_day, days, (experiment.end - experiment.start).days,
    )  # fmt: skip


def people_needed(experiment: Experiment, mean: float, deviation: float) -> int:
    """Exposed people in all variants, so that the smallest variant against the control suffices.

    The level is shared by the variants (Bonferroni).
    """
    from tea_tasting.aggr import Aggregates
    from tea_tasting.metrics import Mean

    weights = {name: weight for name, weight in experiment.weights.items() if weight > 0}
    control = weights[experiment.control]
    smallest = min(weight for name, weight in weights.items() if name != experiment.control)
    known = Aggregates(count_=2, mean_={"value": mean}, var_={"value": deviation**2})
    measure = Mean(
        "value",
        alpha=(1 - LEVEL) / (len(weights) - 1),
        power=POWER,
        ratio=smallest / control,
        rel_effect_size=experiment.minimal_effect,
        use_t=False,
    )
    pair = float(measure.solve_power(known, "n_obs")[0].n_obs)
    return math.ceil(pair * sum(weights.values()) / (control + smallest))


def _past(
    lake: duckdb.DuckDBPyConnection, experiment: Experiment, metric: Metric, as_of: datetime
) -> tuple[float, float]:
    """Mean and standard deviation per person over the past; of a ratio by the delta method."""
    people = (
        f"select profile_id, cast('{as_of - timedelta(days=PAST_DAYS)}' as timestamp) as exposed_at"
        f" from ({_population_sql(experiment)})"
    )
    table = outcomes.table(lake, people, [metric], as_of)
    if len(table) < 2:
        return 0.0, 0.0
    value = table[metric.name]
    if metric.denominator is None:
        return float(value.mean()), float(value.std())
    per = table[f"{metric.name}__per"]
    if per.sum() <= 0:
        return 0.0, 0.0
    ratio = float(value.sum() / per.sum())
    return ratio, float((value - ratio * per).std() / per.mean())


def _population_sql(experiment: Experiment) -> str:
    """Query of profile_id: people who would get a variant if they were exposed now."""
    within = f"{experiment.variant_sql('profile_id')} is not null"
    if experiment.segments is None:
        return f"select profile_id from lake.profiles.profiles where {within}"
    named = ", ".join(f"'{segment}'" for segment in experiment.segments)
    return (
        "select distinct profile_id from lake.segments.segment_memberships"
        f" where segment in ({named}) and {within}"
    )


def _arrivals(
    lake: duckdb.DuckDBPyConnection, experiment: Experiment, as_of: datetime
) -> tuple[int, float]:
    """People exposed at once, and how many more each day, as in the past 28 days."""
    population = _population_sql(experiment)
    parameters: dict[str, object] = {"begin": as_of - timedelta(days=PAST_DAYS)}
    if experiment.event is not None:
        parameters |= {"event": experiment.event, "as_of": as_of}
        sql = (
            "select count(distinct profile_id) from lake.marts.events"
            " where event = $event and event_at > $begin and event_at <= $as_of"
            f" and profile_id in ({population})"
        )
        row = lake.execute(sql, parameters).fetchone()
        return 0, (row[0] if row else 0) / PAST_DAYS
    now = lake.execute(f"select count(*) from ({population})").fetchone()
    if experiment.segments is None:
        return (now[0] if now else 0), 0.0
    sql = (
        "select count(distinct profile_id) from lake.segments.membership_history"
        f" where entered_at > $begin and profile_id in ({population})"
    )
    row = lake.execute(sql, parameters).fetchone()
    return (now[0] if now else 0), (row[0] if row else 0) / PAST_DAYS
