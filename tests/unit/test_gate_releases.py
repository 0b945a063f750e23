"""A release lets through what an operator has seen, and nothing else."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from cli.main import run as cli
from expectations import runner, suite
from expectations.suite import Rule, Suite, Table
from segmentry import releases, warehouse
from segmentry.errors import GateFailed, UsageError
from segmentry.settings import Settings

pytestmark = pytest.mark.slow

AS_OF = datetime(2026, 5, 1)


def execute(settings: Settings, *statements: str) -> None:
    with warehouse.connect(settings) as lake:
        for statement in statements:
            lake.execute(statement)


def rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return warehouse.records(lake, sql)


def batches(settings: Settings, **quarantined: int) -> None:
    """A balance of batches with 200 records each, of which so many are quarantined."""
    values = ", ".join(
        f"('shop', '{name}', 200, {200 - bad}, {bad}, 0, 0)" for name, bad in quarantined.items()
    )
    execute(
        settings,
        "create or replace table lake.staging.landing_balance as select * from (values "
        + values
        + ") as t (source, batch_id, landed, accepted, quarantined, duplicates, deferred)",
    )


def planted(monkeypatch: pytest.MonkeyPatch, gate: str, table: Table) -> None:
    planted_suite = Suite(gate, "planted", lambda _: [table])
    monkeypatch.setattr(
        runner, "suites", lambda wanted: {"planted": planted_suite} if wanted == gate else {}
    )


def test_a_release_covers_the_batches_seen_and_no_later_one(home: Settings) -> None:
    batches(home, b1=190, b2=3)
    with pytest.raises(GateFailed, match="--release-gate raw"):
        runner.run(home, "raw", AS_OF)
    assert cli(["gates", "release", "raw", "--reason", " the supplier confirms "]) == 0
    report = runner.run(home, "raw", AS_OF)
    assert any(note.startswith("released: staging.landing_balance") for note in report.notes)
    (kept,) = rows(home, f"select row_key, reason, released_by from {releases.TABLE}")
    assert (kept["row_key"], kept["reason"]) == ("shop b1", "the supplier confirms")
    assert kept["released_by"]
    batches(home, b1=190, b2=3, b3=180)
    with pytest.raises(GateFailed, match="1 row"):
        runner.run(home, "raw", AS_OF)
    failing = (
        "select row_key from observability.gate_failures where severity = 'critical' and row_key <>"
        " 'shop b1'"
    )
    assert rows(home, failing) == [{"row_key": "shop b3"}]
    batches(home, b1=190, b2=3)
    execute(
        home,
        "update lake.staging.landing_balance set accepted = accepted - 1 where batch_id = 'b1'",
    )
    with pytest.raises(GateFailed, match="landed = accepted"):
        runner.run(home, "raw", AS_OF)


def test_more_rows_than_are_listed_are_covered_as_one_set(home: Settings) -> None:
    many = {f"b{number}": 190 for number in range(130)}
    batches(home, **many)
    with pytest.raises(GateFailed, match="130 row"):
        runner.run(home, "raw", AS_OF)
    releases.release(home, "raw", "seen")
    assert any("released" in note for note in runner.run(home, "raw", AS_OF).notes)
    batches(home, **many, later=190)
    with pytest.raises(GateFailed):
        runner.run(home, "raw", AS_OF)


def test_a_failure_of_the_whole_relation_is_covered_as_it_was_observed(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, "raw", Table("staging.few", row_key="name", at_least=9))
    execute(home, "create table lake.staging.few as select 'r' || i as name from range(4) as t (i)")
    with pytest.raises(GateFailed):
        runner.run(home, "raw", AS_OF)
    assert [r.row_key for r in releases.release(home, "raw", "a quiet day")] == ["observed 4"]
    assert runner.run(home, "raw", AS_OF).status == "done"
    execute(home, "delete from lake.staging.few where name = 'r0'")
    with pytest.raises(GateFailed):
        runner.run(home, "raw", AS_OF)


def test_no_release_lets_a_person_through_who_must_not_be_reached(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(home, "create table lake.audiences.planted as select 'p7' as person")
    never = Table("audiences.planted", row_key="person", rules=[Rule("nobody is in it", "true")])
    planted(monkeypatch, "audiences", never)
    with pytest.raises(GateFailed) as stopped:
        runner.run(home, "audiences", AS_OF)
    assert "--release-gate" not in str(stopped.value)
    with pytest.raises(UsageError, match="no release covers"):
        releases.release(home, "audiences", "please")
    assert rows(home, f"select * from {releases.TABLE}") == []
    execute(
        home,
        f"insert into lake.{releases.TABLE} values ('audiences', 'audiences.planted', 'nobody is in"
        " it', 'p7', '', '', now()::timestamp, 1)",
    )
    with pytest.raises(GateFailed):
        runner.run(home, "audiences", AS_OF)


def test_two_rules_of_one_text_are_distinct(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(home, "create table lake.staging.pair as select 'a' as name union all select 'b'")
    same = [
        Rule("a name is allowed", "name = 'a'", is_warning=True),
        Rule("a name is allowed", "name = 'b'"),
    ]
    planted(monkeypatch, "raw", Table("staging.pair", row_key="name", rules=same))
    with pytest.raises(GateFailed):
        runner.run(home, "raw", AS_OF)
    found = rows(home, "select severity, row_key from observability.gate_failures order by 2")
    assert found == [
        {"severity": "warning", "row_key": "a"},
        {"severity": "critical", "row_key": "b"},
    ]


def test_an_error_is_not_a_text_that_looks_like_one() -> None:
    assert runner.has_raised({"raised_exception": True, "exception_message": "x"})
    assert runner.has_raised({"('metric', 1)": {"raised_exception": True}})
    assert not runner.has_raised(
        {"raised_exception": False, "exception_message": "'raised_exception': True"}
    )
    assert not runner.has_raised(None)


def test_a_stop_outside_the_suites_is_released_the_same_way(home: Settings) -> None:
    releases.record_stop(
        home, "clock", "observability.clock", "the clock moves at most 7 days", "2026-11-03"
    )
    assert [r.row_key for r in releases.release(home, "clock", "a late export")] == ["2026-11-03"]
    with warehouse.connect(home, read_only=True) as lake:
        covered = releases.released_keys(lake, "clock")
    assert covered == {
        ("observability.clock", "the clock moves at most 7 days"): frozenset({"2026-11-03"})
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gates", "release", "raw"], "has no reason"),
        (["gates", "release", "raw", "--reason", "  "], "has no reason"),
        (["gates", "release", "rav", "--reason", "x"], "no check of a gate 'rav'"),
        (["gates", "release", "raw", "--reason", "x"], "passed"),
        (["run", "--reason", "x"], "without a gate"),
        (["run", "--release-gate", "raw", "--reason", "x", "--no-airflow"], "passed"),
    ],
)
def test_wrong_use_is_reported(
    home: Settings, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    batches(home, b1=3)
    runner.run(home, "raw", AS_OF)
    assert cli(arguments) == 2
    assert message in capsys.readouterr().err


def test_the_release_is_printed(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    batches(home, b1=190)
    with pytest.raises(GateFailed):
        runner.run(home, "raw", AS_OF)
    assert cli(["gates", "release", "raw", "--reason", "seen", "-o", "json"]) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    assert printed["row_key"] == "shop b1"
    assert suite.GATES[0] == printed["gate"]
