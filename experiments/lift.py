"""The lift of syncs: people who were to be sent against those who were held out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import duckdb

from experiments import analysis, exposed, metrics, outcomes
from experiments.analysis import Effect, RatioCheck
from experiments.metrics import Metric
from segmentry import clock, money, sync_files, tables, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig

RELATION = "measurement.sync_lift"
COLUMNS = (
    "kind varchar, name varchar, draw varchar, metric varchar, is_guardrail boolean,"
    " people_sent bigint, people_held_out bigint, mean_sent double, mean_held_out double,"
    " effect double, low double, high double, daily_low double, daily_high double,"
    " p_value double, p_adjusted double, total double, total_radius double,"
    " variance_reduction double, ratio_p_value double, is_ratio_broken boolean,"
    " first_assigned_at timestamp, as_of timestamp, verdict varchar"
)


@dataclass(frozen=True)
class SyncLift:
    """What a sync, or all syncs of a destination with one draw, changed since first assignment.

    kind: sync or destination. crossed: people that a merge of profiles puts in both groups; they
    are left out. currency: of money metrics.
    """

    kind: str
    name: str
    draw: str
    ratio: RatioCheck
    effects: tuple[Effect, ...]
    metrics: tuple[Metric, ...]
    crossed: int
    first_assigned_at: datetime | None
    as_of: datetime
    currency: str

    @property
    def people(self) -> tuple[int, int]:
        """People sent, people held out."""
        return self.ratio.people[exposed.SENT], self.ratio.people[exposed.HELD_OUT]

    def effect_on(self, name: str) -> Effect | None:
        """The effect on a metric, or None if it has none."""
        return next((effect for effect in self.effects if effect.metric == name), None)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        subject = "This sync" if self.kind == "sync" else "This destination"
        sent, held_out = self.people
        groups = f"{sent:,} people sent against {held_out:,} held out"
        if self.ratio.is_broken:
            return (
                f"No verdict for {self.name}: {groups} is not the planned split"
                f" (p = {self.ratio.p_value:.1g}); find what removes people from one group first."
            )
        revenue = self.effect_on("revenue")
        if min(sent, held_out) < analysis.LEAST_PEOPLE:
            return (
                f"No verdict for {self.name} yet: {groups}; each group needs at least"
                f" {analysis.LEAST_PEOPLE}."
            )
        if revenue is None or revenue.daily_high is None:
            return f"No verdict for {self.name} yet: {groups}, and no outcome since."
        total, radius = totals(revenue)
        level = f"{analysis.LEVEL:.0%} interval, valid at every reading"
        return (
            f"{subject} has earned {total:,.0f} +- {radius:,.0f} {self.currency} so far ({level};"
            f" {groups} since {self.first_assigned_at:%Y-%m-%d})."
        )


def totals(effect: Effect) -> tuple[float, float]:
    """Effect over all people sent, and half its daily interval; 0 without an interval."""
    radius = 0.0 if effect.daily_high is None else effect.daily_high - effect.effect
    return effect.effect * effect.people, radius * effect.people


def select(settings: Settings, names: list[str]) -> dict[str, SyncConfig]:
    """Enabled syncs with a hold-out, all or those named; UsageError for one without."""
    syncs = sync_files.load(settings)
    with_hold_out = {n: s for n, s in syncs.items() if s.hold_out is not None and s.is_enabled}
    for name in names:
        sync_files.one(settings, name)
        if name not in with_hold_out:
            raise UsageError(
                f"the sync '{name}' has no hold-out, so nothing shows what it changed",
                allowed=", ".join(with_hold_out) or "a sync with hold_out in its file",
                remedy=f"add `hold_out: {{share: 0.1, salt: {name}}}` to config/syncs/{name}.yml",
            )
    return {n: s for n, s in with_hold_out.items() if not names or n in names}


def measure(
    lake: duckdb.DuckDBPyConnection, settings: Settings, syncs: Mapping[str, SyncConfig]
) -> list[SyncLift]:
    """Lift of each sync under its current draw, then of each destination and draw."""
    if not warehouse.relation_exists(lake, exposed.RELATION):
        return []
    measured = metrics.chosen(metrics.load(settings), metrics.OF_SYNCS)
    found = []
    for sync in syncs.values():
        condition = f"sync = '{sync.name}'"
        found.append(_lift(lake, settings, measured, ("sync", sync.name), sync, condition))
    places = {(sync.destination, exposed.draw_of(sync)): sync for sync in syncs.values()}
    for (destination, _), sync in places.items():
        named = ", ".join(
            f"'{other.name}'"
            for other in syncs.values()
            if other.destination == destination and exposed.draw_of(other) == exposed.draw_of(sync)
        )
        condition = f"sync in ({named})"
        found.append(_lift(lake, settings, measured, ("destination", destination), sync, condition))
    return found


def _lift(
    lake: duckdb.DuckDBPyConnection,
    settings: Settings,
    measured: list[Metric],
    subject: tuple[str, str],
    sync: SyncConfig,
    condition: str,
) -> SyncLift:
    as_of = clock.read_from(lake)
    draw = exposed.draw_of(sync)
    quoted = draw.replace("'", "''")
    assigned = (
        f"select profile_id, variant, assigned_at as exposed_at from lake.{exposed.RELATION}"
        f" where {condition} and draw = '{quoted}'"
    )
    people = f"select * from ({exposed.people_sql(lake, assigned)})"
    rows = lake.execute(
        f"select variant, variants, count(*), min(exposed_at) from ({people}) group by all"
    ).fetchall()
    counts = {variant: count for variant, variants, count, _ in rows if variants == 1}
    share = sync.hold_out.share if sync.hold_out else 0.0
    ratio = analysis.sample_ratio(counts, {exposed.HELD_OUT: share, exposed.SENT: 1 - share})
    first = min((at for *_, at in rows), default=None)
    effects: list[Effect] = []
    if first is not None and first < as_of and len(counts) == 2:
        table = outcomes.table(lake, f"{people} where variants = 1", measured, as_of)
        effects = analysis.effects(table, measured, exposed.HELD_OUT)
    return SyncLift(
        *subject,
        draw,
        ratio,
        tuple(effects),
        tuple(measured),
        sum(count for _, variants, count, _ in rows if variants > 1),
        first,
        as_of,
        str(money.policy(settings)["reporting_currency"]),
    )


def write(lake: duckdb.DuckDBPyConnection, lifts: list[SyncLift]) -> int:
    """Bring measurement.sync_lift to these lifts; returns its rows."""
    rows = [row for lift in lifts for row in _rows(lift)]
    tables.replace_rows(lake, RELATION, COLUMNS, rows)
    return len(rows)


def _rows(lift: SyncLift) -> list[tuple[object, ...]]:
    guardrails = {metric.name: metric.is_guardrail for metric in lift.metrics}
    sent, held_out = lift.people
    tail = (
        lift.ratio.p_value, lift.ratio.is_broken, lift.first_assigned_at, lift.as_of, lift.sentence
    )  # fmt: skip
    head = (lift.kind, lift.name, lift.draw)
    if not lift.effects:
        nothing = (None,) * 13
        return [(*head, None, None, sent, held_out, *nothing[:11], None, *tail)]
    return [
        (
            *head, effect.metric, guardrails[effect.metric], sent, held_out, effect.mean,
            effect.control_mean, effect.effect, effect.low, effect.high, effect.daily_low,
            effect.daily_high, effect.p_value, effect.p_adjusted, *totals(effect),
            variance_reduction(effect), *tail,
        )
        for effect in lift.effects
    ]  # fmt: skip


def variance_reduction(effect: Effect) -> float | None:
    """Share of the variance that CUPED removed, from 0 to 1; None without an interval."""
    if effect.standard_error is None or not effect.standard_error_plain:
        return None
    return 1 - (effect.standard_error / effect.standard_error_plain) ** 2
