"""The gate on memberships: what counts as a change, and where it stops the job before anything is
published.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import duckdb
import pytest

from cli.main import run as cli
from expectations import runner
from segmentry import warehouse
from segmentry.errors import GateFailed
from segmentry.settings import Settings
from tests.dbt_sql import Project

RULE = {
    "version": "v1", "owner": "test", "purpose": "analytics", "priority": 1,
    "exclusive_group": None, "action": None,
    "enter_after": 0, "exit_after": 0, "min_stay": 0, "min_size": 0, "merge_into": None,
    "predicate": "true",
    "stay_while": None, "max_changed_share": None,
}  # fmt: skip


class Evaluation:
    """Segments evaluated on plain DuckDB: who matches is given, not computed."""

    def __init__(self, *definitions: dict[str, Any]) -> None:
        self.lake = duckdb.connect(":memory:")
        for schema in ("segments", "observability", "marts"):
            self.lake.execute(f"create schema {schema}")
        self.lake.execute("create table marts.restricted_profiles (profile_id varchar)")
        self.lake.execute(
            "create table marts.profile_standings (profile_id varchar, purpose varchar, channel"
            " varchar, is_refused boolean)"
        )
        self.project = Project(self.lake, ("portable", "identity", "segments"))
        self.define(*definitions)

    def define(self, *definitions: dict[str, Any]) -> None:
        rules = [{**RULE, **definition} for definition in definitions]
        self.project._jinja.globals["segment_definitions"] = lambda: rules

    def propose(
        self, day: int, matches: dict[str, dict[str, bool]]
    ) -> dict[str, tuple[int, int, int, bool]]:
        """matches: segment to profile to whether its predicate matches, not only stay_while."""
        clock = f"timestamp '2026-03-{day:02}'"
        self.lake.execute(f"create or replace table observability.clock as select {clock} as as_of")
        self.project.table("segments/proposed_rules")
        columns = "(segment varchar, profile_id varchar, is_match boolean)"
        self.lake.execute(f"create or replace table segments.segment_matches {columns}")
        for segment, found in matches.items():
            for profile, is_match in found.items():
                self.lake.execute(
                    "insert into segments.segment_matches values (?, ?, ?)",
                    [segment, profile, is_match],
                )
        self.project.table("segments/membership_changes")
        rows = self.lake.execute(
            "select segment, members, entries, exits, is_compared from segments.membership_changes"
        ).fetchall()
        return {segment: tuple(rest) for segment, *rest in rows}

    def publish(self) -> None:
        self.project.table("segments/segment_rules")
        for model in (
            "dwell_states",
            "effective_members",
            "membership_history",
            "segment_memberships",
        ):
            if model in {"dwell_states", "membership_history"}:
                self.project.upsert(f"segments/{model}", ["stay_id"])
                self.project.clean()
            else:
                self.project.table(f"segments/{model}")


def people(*names: str) -> dict[str, bool]:
    return dict.fromkeys(names, True)


def test_a_change_is_counted_against_what_is_published() -> None:
    shop = Evaluation({"segment": "a"}, {"segment": "b"})
    first = shop.propose(1, {"a": people("ann", "bob", "cat"), "b": people("ann")})
    assert first == {
        "a": (0, 3, 0, False),
        "b": (0, 1, 0, False),
    }, "a first run has nothing to compare with"
    shop.publish()
    assert shop.propose(1, {"a": people("ann", "bob", "cat"), "b": people("ann")})["a"] == (
        3,
        0,
        0,
        True,
    )
    jump = {"a": people("dan"), "b": people("ann", "bob")}
    assert shop.propose(20, jump) == {"a": (3, 1, 3, True), "b": (1, 1, 0, True)}
    # Not published: the next proposal is compared with what still is.
    assert shop.propose(2, {"a": people("ann", "bob"), "b": people("ann")})["a"] == (3, 0, 1, True)
    found = shop.lake.execute("select count(*) from segments.segment_memberships").fetchone()
    assert found == (4,), "nothing was published after the first run"


def test_dwell_rules_delay_a_change_and_do_not_hide_it() -> None:
    slow = {
        "segment": "slow",
        "enter_after": 86400 * 5,
        "exit_after": 86400 * 5,
        "stay_while": "true",
    }
    shop = Evaluation({"segment": "fast"}, slow)
    shop.propose(1, {"slow": people("ann", "bob")})
    shop.publish()
    assert shop.propose(2, {"slow": people("ann", "bob")})["slow"] == (
        2,
        0,
        0,
        True,
    ), "pending is no change"
    shop.publish()
    assert shop.propose(7, {"slow": people("ann", "bob")})["slow"] == (2, 0, 0, True)
    shop.publish()
    assert shop.propose(8, {"slow": {"ann": False}})["slow"] == (
        2,
        0,
        1,
        True,
    ), "stay_while keeps a member"
    shop.publish()
    assert shop.propose(9, {"slow": {"ann": False}})["slow"] == (
        1,
        0,
        0,
        True,
    ), "an exit counts once"
    assert shop.propose(9, {"slow": {"ann": False, "eve": False}})["slow"] == (1, 0, 0, True)
    assert shop.propose(9, {"slow": {"ann": False, "eve": True}})["slow"] == (1, 1, 0, True)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_changed_or_new_definition_is_not_compared(version: str) -> None:
    shop = Evaluation({"segment": "a"}, {"segment": "removed"})
    shop.propose(1, {"a": people("ann", "bob"), "removed": people("ann")})
    shop.publish()
    shop.define({"segment": "a", "version": version}, {"segment": "new"})
    found = shop.propose(2, {"a": people("cat"), "new": people("cat")})
    assert found["a"][3] is (version == "v1")
    assert found["new"] == (0, 1, 0, False)
    assert "removed" not in found


CLOCK = datetime(2026, 9, 1)
COLUMNS = (
    "create or replace table lake.segments.membership_changes (segment varchar, members bigint,"
    " entries bigint, exits bigint, max_changed_share double, is_compared boolean, changed_last_at"
    " timestamp, as_of timestamp)"
)


def changes(settings: Settings, *rows: tuple[str, int, int, int, float | None, bool]) -> None:
    with warehouse.connect(settings) as lake:
        lake.execute(COLUMNS)
        for row in rows:
            values = [*row, datetime(2026, 3, 1), CLOCK]
            lake.execute(
                "insert into lake.segments.membership_changes values (?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )


@pytest.mark.slow
def test_the_gate_stops_a_jump_names_the_clock_and_may_be_released(home: Settings) -> None:
    calm = [
        ("steady", 400, 20, 20, None, True),
        ("weekly", 60, 60, 60, 4.0, True),
        ("small", 9, 40, 9, None, True),
        ("redefined", 200, 900, 200, None, False),
    ]
    changes(home, *calm)
    assert runner.run(home, "memberships", CLOCK).notes == []
    changes(home, *calm, ("lapsed", 80, 30, 11, None, True))
    with pytest.raises(
        GateFailed, match=r"as_of moves from 2026-03-01T00:00:00 to 2026-09-01T00:00:00"
    ) as stopped:
        runner.run(home, "memberships", CLOCK)
    assert "a segment's memberships" in stopped.value.received
    assert "of all segments" not in stopped.value.received
    # Each segment below its limit of members, all together far above.
    changes(home, *[(f"stage_{n}", 45, 30, 30, None, True) for n in range(10)])
    with pytest.raises(GateFailed, match="memberships of all segments"):
        runner.run(home, "memberships", CLOCK)
    assert cli(["gates", "release", "memberships", "--reason", "the shop reopened"]) == 0
    assert any("released" in note for note in runner.run(home, "memberships", CLOCK).notes)
    changes(home, *[(f"stage_{n}", 45, 31, 31, None, True) for n in range(10)])
    with pytest.raises(GateFailed):
        runner.run(home, "memberships", CLOCK)
