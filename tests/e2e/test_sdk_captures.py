"""Requests as the Segment, RudderStack and Jitsu clients send them: every event kept, and one
person behind them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import shared_data
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def folder() -> Path:
    return shared_data("segment_client_capture")


@pytest.fixture(scope="module")
def installation(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("captures") / "home")
    made.call("load", "events", str(folder / "*.json"), "--force")
    for stage in ("staging", "clock", "identity", "marts"):
        made.call("run", "--no-airflow", "--select", stage)
    return made


def sent(folder: Path) -> list[dict[str, Any]]:
    """Every event of every captured request."""
    found = []
    for path in sorted(folder.glob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8")).get("body")
        if isinstance(body, dict):
            found += body.get("batch", [body])
    return found


def test_no_event_is_lost(installation: Installation, folder: Path) -> None:
    wanted = {event["messageId"] for event in sent(folder)}
    kept = {row["event_id"] for row in installation.query("select event_id from marts.events")}
    assert len(wanted) > 40
    assert wanted == kept


def test_identify_and_alias_make_one_person(installation: Installation, folder: Path) -> None:
    events = sent(folder)
    wanted = {("user_id", "u1"), ("email", "ann@example.com")}
    wanted |= {("cookie", event["anonymousId"]) for event in events if event.get("anonymousId")}
    wanted |= {("cookie", event["previousId"]) for event in events if event.get("previousId")}
    rows = installation.query(
        "select identifier_type, identifier, profile_id from identity.identifier_mapping"
    )
    profiles = {
        row["profile_id"] for row in rows if (row["identifier_type"], row["identifier"]) in wanted
    }
    assert {(row["identifier_type"], row["identifier"]) for row in rows} >= wanted
    assert len(profiles) == 1


def test_every_event_belongs_to_that_person(installation: Installation) -> None:
    assert installation.value("select count(distinct profile_id) from marts.events") == 1
    assert installation.value("select count(*) from marts.events where profile_id is null") == 0
