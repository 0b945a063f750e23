"""Memberships over time: dwell, priority, repeated evaluation, changed definitions, and no way
back.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmentry import dbt, warehouse
from segmentry.errors import UsageError
from segmentry.settings import ROOT, Settings
from segmentry.stages import RunContext
from segments import installed, manifest, stages
from segments.membership import explanation, members_on, refuse_the_past, stale_views

pytestmark = pytest.mark.slow

START = datetime(2026, 6, 1)
YML = """\
models:
  - name: {name}
    description: Made for a test. One row per profile.
    config:
      meta: {{owner: test, purpose: analytics, priority: {priority}{more}}}
unit_tests:
  - name: {name}_at_its_edges
    model: {name}
    given: [{{input: ref('profiles'), rows: []}}]
    expect: {{rows: []}}
"""
SEGMENTS = {
    "plain": ("orders_lifetime >= 3", 1, ""),
    "patient": ("orders_lifetime >= 3", 2, ", enter_after: 2 days, exit_after: 2 days"),
    "sticky": ("churn_score >= 0.7", 3, ", stay_while: churn_score >= 0.6, min_stay: 3 days"),
    "gold": ("orders_lifetime >= 5", 4, ", exclusive_group: tier"),
    "silver": ("orders_lifetime >= 3", 5, ", exclusive_group: tier"),
    "pair": ("orders_lifetime >= 3", 6, ", min_size: 2"),
}


PROJECT = {
    "dbt_project.yml": (
        """\
name: segmentry
version: "1.0.0"
profile: segmentry
models:
  segmentry:
    +materialized: table
    profiles: {+schema: profiles}
    marts: {+schema: marts}
    segments: {+schema: segments, +materialized: view, evaluation: {+materialized: table}}
vars:
  interest_categories: []
  journeys: [{name: none, lapsed_stage: lapsed, stages: []}]
"""
    ),
    "models/profiles/profiles.sql": "select 1 as nothing\n",
    "models/marts/restricted_profiles.sql": "select 1 as nothing\n",
    "models/marts/profile_standings.sql": "select 1 as nothing\n",
    "models/identity/traits/traits.yml": (
        """\
models:
  - name: traits
    columns:
      - {name: orders_lifetime, description: "Orders.", data_type: bigint}
      - {name: journey_stage, description: "Stage.", data_type: varchar}
"""
    ),
}


class Shop:
    """A lake with profiles and segments alone, evaluated at one as_of after another."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def write(self, name: str, where: str, priority: int, more: str) -> None:
        folder = self.settings.dbt_project / "models" / "segments"
        (folder / f"{name}.sql").write_text(
            f"select profile_id from {{{{ ref('profiles') }}}} where {where}\n"
        )
        (folder / f"{name}.yml").write_text(YML.format(name=name, priority=priority, more=more))

    def describe(self) -> None:
        """Write the contract of profiles."""
        for file in manifest.generated_files(self.settings):
            file.write()

    def evaluate(
        self,
        day: float,
        orders: Mapping[str, int | None],
        scores: Mapping[str, float] | None = None,
    ) -> None:
        """Set the clock and the values of all profiles, then evaluate all segments."""
        as_of = START + timedelta(days=day)
        rows = [(who, as_of, count, (scores or {}).get(who)) for who, count in orders.items()]
        with warehouse.connect(self.settings) as lake:
            lake.execute(
                "create or replace table lake.observability.clock (as_of timestamp, is_given"
                " boolean)"
            )
            lake.execute("insert into lake.observability.clock values (?, true)", [as_of])
            lake.execute("delete from lake.profiles.profiles")
            names = "(profile_id, as_of, orders_lifetime, churn_score)"
            for row in rows:
                lake.execute(
                    f"insert into lake.profiles.profiles {names} values (?, ?, ?, ?)", list(row)
                )
        dbt.build(self.settings, "path:models/segments/evaluation", tests=False)

    def run(self) -> None:
        """The stages of segments, without the gate between them."""
        stages.segments(RunContext(self.settings))
        stages.memberships(RunContext(self.settings))

    def stays(self, segment: str) -> list[tuple[str, float, float | None]]:
        """Stays as (profile, day of entry, day of exit)."""
        with warehouse.connect(self.settings, read_only=True) as lake:
            rows = lake.execute(
                "select profile_id, entered_at, left_at from segments.membership_history"
                " where segment = ? order by entered_at, profile_id",
                [segment],
            ).fetchall()
        return [
            (who, _day(entered), None if left is None else _day(left))
            for who, entered, left in rows
        ]

    def everything(self) -> list[tuple[Any, ...]]:
        """All rows of the segments, to compare before and after."""
        with warehouse.connect(self.settings, read_only=True) as lake:
            return [
                row
                for relation in ("dwell_states", "membership_history", "segment_memberships")
                for row in lake.execute(
                    f"select '{relation}', * from segments.{relation} order by all"
                ).fetchall()
            ]


def _day(at: datetime) -> float:
    return (at - START) / timedelta(days=1)


@pytest.fixture
def shop(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    project = tmp_path / "dbt_project"
    config = tmp_path / "config"
    for part in (
        "macros",
        "tests/generic",
        "models/segments/evaluation",
        "models/observability/_sources.yml",
        "profiles.yml",
    ):
        origin = ROOT / "dbt_project" / part
        target = project / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(origin, target) if origin.is_dir() else shutil.copyfile(origin, target)
    for name, text in PROJECT.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    policies = yaml.safe_load((ROOT / "config" / "policies.yml").read_text())
    policies["training"]["personas"] = []
    config.mkdir()
    (config / "policies.yml").write_text(yaml.safe_dump(policies))
    monkeypatch.setenv("SEGMENTRY_DBT_PROJECT", str(project))
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(config))
    made = Shop(Settings.from_environment())
    for name, definition in SEGMENTS.items():
        made.write(name, *definition)
    made.describe()
    columns = ", ".join(
        f"{name} {kind}" for name, kind in installed.vocabulary(made.settings).items()
    )
    with warehouse.connect(made.settings) as lake:
        lake.execute(f"create table lake.profiles.profiles ({columns})")
        lake.execute("create table lake.marts.restricted_profiles (profile_id varchar)")
        lake.execute(
            "create table lake.marts.profile_standings (profile_id varchar, purpose varchar,"
            " channel varchar, is_refused boolean)"
        )
    return made


def test_dwell_priority_and_size_over_time(shop: Shop) -> None:
    shop.evaluate(0, {"ann": 3, "bob": 5, "cat": None}, {"ann": 0.7, "bob": 0.69})
    assert shop.stays("plain") == [("ann", 0, None), ("bob", 0, None)]
    assert shop.stays("patient") == []
    assert shop.stays("sticky") == [("ann", 0, None)]
    assert shop.stays("gold") == [("bob", 0, None)]
    assert shop.stays("silver") == [("ann", 0, None)], (
        "bob is in the more important tier of the group"
    )
    assert shop.stays("pair") == [("ann", 0, None), ("bob", 0, None)]

    # A second short of two days: enter_after still runs; 0.6 keeps ann in the sticky segment; bob's
    # score is unknown.
    almost = 2 - 1 / 86400
    shop.evaluate(almost, {"ann": 3, "bob": 4, "cat": 3}, {"ann": 0.6})
    assert shop.stays("patient") == []
    assert shop.stays("gold") == [("bob", 0, almost)]
    assert ("bob", almost, None) in shop.stays("silver"), "out of gold, so silver may have him"

    shop.evaluate(2, {"ann": 3, "bob": 2, "cat": 3}, {"ann": 0.59})
    assert shop.stays("patient") == [("ann", 2, None)], (
        "exactly two days; bob gave up, cat began later"
    )
    assert shop.stays("sticky") == [("ann", 0, None)], "below 0.6, but min_stay lasts three days"

    shop.evaluate(3, {"ann": 2, "bob": 2, "cat": 2}, {"ann": 0.59})
    assert shop.stays("sticky") == [("ann", 0, 3)]
    assert shop.stays("patient") == [("ann", 2, None)], "exit_after runs"
    assert shop.stays("pair")[-1][2] == 3, "nobody is left of two that are needed"

    shop.evaluate(4, {"ann": 3, "bob": 2, "cat": 2})
    assert shop.stays("pair")[-1][2] is not None, "one member where two are needed is no member"
    shop.evaluate(5, {"ann": 2, "bob": 2, "cat": 2})
    shop.evaluate(6.9, {"ann": 2, "bob": 2, "cat": 2})
    assert shop.stays("patient") == [("ann", 2, None)], (
        "she recovered on day 4, so the two days run from day 5"
    )
    shop.evaluate(7, {"ann": 2, "bob": 2, "cat": 2})
    assert shop.stays("patient") == [("ann", 2, 7)]


def test_any_number_of_evaluations_at_one_time_leave_the_same(shop: Shop) -> None:
    shop.evaluate(0, {"ann": 3, "bob": 5})
    shop.evaluate(1, {"ann": 3, "bob": 1, "cat": 9})
    first = shop.everything()
    shop.evaluate(1, {"ann": 3, "bob": 1, "cat": 9})
    assert shop.everything() == first

    # Facts that arrive late change what is true at this very time; without them, the first result
    # returns.
    shop.evaluate(1, {"ann": 1, "bob": 5, "dan": 4})
    assert shop.stays("plain") == [("ann", 0, 1), ("bob", 0, None), ("dan", 1, None)]
    shop.evaluate(1, {"ann": 3, "bob": 1, "cat": 9})
    assert shop.everything() == first

    # Older than the newest change: nothing is rewritten, and the stage reports it.
    shop.evaluate(0.5, {"ann": 0, "bob": 0})
    assert shop.everything() == first
    with pytest.raises(UsageError, match="memberships have already changed"):
        refuse_the_past(RunContext(shop.settings))


def answers(shop: Shop, *names: str) -> list[str]:
    """What `segments explain` prints about ann, in a sentence each."""
    with warehouse.connect(shop.settings, read_only=True) as lake:
        return [
            explanation(lake, installed.named(shop.settings, name), "ann")["answer"]
            for name in names
        ]


def test_a_late_fact_counts_from_when_it_was_known(shop: Shop) -> None:
    shop.evaluate(0, {"ann": 3})
    assert answers(shop, "patient", "silver", "gold", "pair", "sticky") == [
        "not a member yet: enters from 2026-06-03 00:00:00 on if the predicate still matches",
        "a member since 2026-06-01 00:00:00",
        "not a member: the predicate does not match",
        "not a member: the segment is empty until 2 are in it",
        "not a member: a value that decides is unknown",
    ]
    # Two orders of before that day arrive after it: the next evaluation counts them, and the past
    # stays as it was known.
    shop.evaluate(1, {"ann": 5})
    assert shop.stays("silver") == [("ann", 0, 1)]
    assert shop.stays("gold") == [("ann", 1, None)]
    assert answers(shop, "silver") == ["not a member: gold of the same exclusive group comes first"]
    noon = START + timedelta(hours=12)
    with warehouse.connect(shop.settings, read_only=True) as lake:
        assert [row["profile_id"] for row in members_on(lake, "silver", noon)] == ["ann"]
        assert members_on(lake, "gold", noon) == []
        assert members_on(lake, "silver", START + timedelta(days=1)) == []


def test_a_changed_definition_writes_a_new_version_and_keeps_the_old(shop: Shop) -> None:
    shop.evaluate(0, {"ann": 3, "bob": 5})
    before = installed.named(shop.settings, "patient").definition_version
    shop.write("plain", "orders_lifetime >= 4", 1, "")
    shop.write("patient", "orders_lifetime >= 4", 2, ", enter_after: 2 days")
    (installed.folder(shop.settings) / "gold.sql").unlink()
    (installed.folder(shop.settings) / "gold.yml").unlink()
    assert installed.named(shop.settings, "patient").definition_version != before
    shop.evaluate(1, {"ann": 3, "bob": 5})
    assert shop.stays("plain") == [("ann", 0, 1), ("bob", 0, 1), ("bob", 1, None)]
    assert shop.stays("gold") == [("bob", 0, 1)], "a removed segment keeps its history"
    assert shop.stays("silver") == [("ann", 0, None), ("bob", 1, None)]
    shop.evaluate(2, {"ann": 3, "bob": 5})
    assert shop.stays("patient") == [], "the clock of the new definition began with it"
    shop.evaluate(3, {"ann": 3, "bob": 5})
    assert shop.stays("patient") == [("bob", 3, None)]


def test_a_view_is_made_when_its_rule_is_new(shop: Shop) -> None:
    assert stale_views(shop.settings) == sorted([*SEGMENTS, "journey_lapsed"])
    shop.evaluate(0, {"ann": 3})
    shop.run()
    assert stale_views(shop.settings) == []
    with warehouse.connect(shop.settings, read_only=True) as lake:
        assert lake.execute("select profile_id from segments.plain").fetchall() == [("ann",)]

    shop.write("plain", "orders_lifetime >= 4", 1, "")
    shop.write("fresh", "orders_lifetime >= 1", 9, "")
    for suffix in ("sql", "yml"):
        (installed.folder(shop.settings) / f"gold.{suffix}").unlink()
    assert stale_views(shop.settings) == ["fresh", "plain"]
    shop.run()
    assert stale_views(shop.settings) == []
    with warehouse.connect(shop.settings, read_only=True) as lake:
        assert lake.execute("select count(*) from segments.plain").fetchall() == [(0,)]
        assert lake.execute("select profile_id from segments.fresh").fetchall() == [("ann",)]
        assert not warehouse.relation_exists(lake, "segments.gold")
