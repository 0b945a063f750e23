"""``segments list``, ``show`` and ``explain`` show the rules that are deployed, and report a file
that differs.
"""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import build
from segmentry import warehouse
from segmentry.errors import NotReadyError
from segmentry.settings import ROOT, Settings
from segments import deployed, installed
from tests.unit.test_segments_refused import SQL, YML

NAMES = ("loyal_customers", "luxury_shoppers", "new_visitors", "casual_browsers")


@pytest.fixture
def project(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose shipped segments are deployed: ann is in all of them."""
    copy = tmp_path / "dbt_project"
    for part in ("models/segments", "models/profiles"):
        shutil.copytree(ROOT / "dbt_project" / part, copy / part)
    shutil.copyfile(ROOT / "dbt_project" / "dbt_project.yml", copy / "dbt_project.yml")
    monkeypatch.setenv("SEGMENTRY_DBT_PROJECT", str(copy))
    _deploy(Settings.from_environment())
    return copy / "models" / "segments"


RULES = (
    "create table lake.segments.segment_rules (segment varchar, definition_version varchar, owner"
    " varchar, purpose varchar, priority integer, exclusive_group varchar, action varchar,"
    " enter_after interval, exit_after interval, min_stay interval, min_size integer, merge_into"
    " varchar, predicate varchar, stay_while varchar)"
)


def _deploy(settings: Settings) -> None:
    found = installed.load_all(settings)
    columns = ", ".join(f"{name} {kind}" for name, kind in installed.vocabulary(settings).items())
    with warehouse.connect(settings) as lake:
        lake.execute(f"create table lake.profiles.profiles ({columns})")
        lake.execute(
            "insert into lake.profiles.profiles (profile_id, as_of, orders_lifetime,"
            " days_since_last_order, rfm_frequency_score) values ('ann', ?, 3, 10, 4)",
            [datetime(2026, 6, 1)],
        )
        lake.execute(
            "create table lake.identity.identifier_mapping as"
            " select 'user_id' as identifier_type, 'ann' as identifier, 'ann' as profile_id"
        )
        lake.execute(
            "create table lake.identity.profile_resolution as select 'ann' as profile_id, 'ann' as"
            " current_profile_id"
        )
        lake.execute(RULES)
        lake.execute(
            "create table lake.segments.segment_memberships (segment varchar, profile_id varchar)"
        )
        for name in NAMES:
            values = _rule(found[name])
            lake.execute(
                f"insert into lake.segments.segment_rules values ({', '.join('?' * len(values))})",
                values,
            )
            lake.execute("insert into lake.segments.segment_memberships values (?, 'ann')", [name])


def _rule(segment: installed.Segment) -> list[Any]:
    meta = segment.meta
    assert segment.predicate is not None
    return [
        segment.name, segment.definition_version, meta["owner"], meta["purpose"], segment.priority,
        segment.exclusive_group, meta.get("action"), segment.enter_after, segment.exit_after,
        segment.min_stay,
        meta.get("min_size", 0), meta.get("merge_into"), segment.predicate.to_sql(), None,
    ]  # fmt: skip


def asked(*words: str) -> Any:
    result = CliRunner().invoke(
        build(), ["segments", *words, "--output", "json"], standalone_mode=False
    )
    assert result.exception is None, result.exception
    return json.loads(result.output)


def states() -> dict[str, tuple[str, int]]:
    return {row["segment"]: (row["state"], row["members"]) for row in asked("list")}


@pytest.mark.slow
def test_what_is_deployed_is_what_is_listed_shown_and_explained(project: Path) -> None:
    assert [states()[name] for name in NAMES] == [(deployed.CURRENT, 1)] * 4
    assert states()["journey_lapsed"] == (deployed.NEW, 0)

    old = asked("show", "loyal_customers")
    (project / "loyal_customers.sql").write_text(SQL.format("orders_lifetime >= 7"))
    meta = project / "luxury_shoppers.yml"
    meta.write_text(meta.read_text().replace("priority: 40", "priority: 41"))
    for suffix in ("sql", "yml"):
        (project / f"new_visitors.{suffix}").rename(project / f"fresh_faces.{suffix}")
    yml = (project / "fresh_faces.yml").read_text()
    (project / "fresh_faces.yml").write_text(yml.replace("new_visitors", "fresh_faces"))
    (project / "casual_browsers.sql").write_text(SQL.format("orders_liftime = 0"))
    found = states()
    assert found["loyal_customers"] == found["luxury_shoppers"] == (deployed.CHANGED, 1)
    assert (found["new_visitors"], found["fresh_faces"]) == (
        (deployed.REMOVED, 1),
        (deployed.NEW, 0),
    )
    assert found["casual_browsers"] == (deployed.REFUSED, 1)

    new = asked("show", "loyal_customers")
    assert (new["predicate"], new["definition_version"]) == (
        old["predicate"],
        old["definition_version"],
    )
    assert "orders_lifetime >= 3" in new["predicate"], "the rule that the size was counted by"
    assert (new["predicate_in_the_file"], new["members"]) == ("orders_lifetime >= 7", 1)
    assert new["state"] == deployed.CHANGED and "segments+" in new["state"]

    answer = asked("explain", "loyal_customers", "ann")
    assert answer["state"] == deployed.CHANGED
    assert answer["predicate_matches"] is True
    assert "orders_lifetime >= 3" in [row["condition"] for row in answer["conditions"]]


def test_a_disabled_segment_is_shown_as_it_is_deployed(project: Path) -> None:
    text = YML.replace("    config:\n", "    config:\n      enabled: false\n")
    (project / "loyal_customers.yml").write_text(text)
    assert states()["loyal_customers"] == (deployed.REMOVED, 1)
    assert asked("show", "loyal_customers")["state"] == deployed.REMOVED


def test_a_segment_that_was_never_evaluated_is_not_explained(project: Path) -> None:
    (project / "big.sql").write_text(SQL.format("orders_lifetime >= 7"))
    (project / "big.yml").write_text(YML.replace("loyal_customers", "big"))
    assert asked("show", "big")["state"] == deployed.NEW
    words = ["segments", "explain", "big", "ann"]
    result = CliRunner().invoke(build(), words, standalone_mode=False)
    assert isinstance(result.exception, NotReadyError)
    assert "segments+" in result.exception.remedy
