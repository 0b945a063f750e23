"""A refresh with the last days of a shop makes what the main job makes of them."""

from __future__ import annotations

import gzip
import json
import shutil
from typing import Any

import pytest

from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

# Segments by scores follow the models, which a refresh leaves alone.
OTHERS = (
    "select segment, profile_id, entered_at from segments.segment_memberships where segment not in"
    " ('at_risk_of_churn', 'likely_to_upgrade', 'high_purchase_intent')"
    " and segment not like 'persona%' order by all"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A home with all files but those of the last events, after its main job."""
    folder = tmp_path_factory.mktemp("refresh")
    installed = Installation(folder / "home")
    inbox = folder / "home" / "inbox"
    words = ("--people", "60", "--days", "60", "--seed", "8", "--out", str(inbox))
    installed.call("simulate", *words)
    (folder / "late").mkdir()
    for file in sorted((inbox / "events").glob("*"))[-2:]:
        shutil.move(file, folder / "late" / file.name)
    installed.call("run", "--no-airflow", "--no-send")
    return installed


def _refreshed(shop: Installation) -> list[dict[str, Any]]:
    done = json.loads(shop.call("refresh", "--no-send", "--output", "json"))
    assert done["exit_code"] == 0
    found: list[dict[str, Any]] = done["stages"]
    return found


def test_a_refresh_makes_the_memberships_of_the_main_job(shop: Installation) -> None:
    before = shop.query(OTHERS)
    _refreshed(shop)
    assert [row["stage"] for row in _refreshed(shop)] == ["refresh"], "nothing arrived"
    late = sorted((shop.home.parent / "late").iterdir())
    assert late
    arrived = 0
    for file in late:
        with gzip.open(file, "rt") as lines:
            arrived += sum(1 for _ in lines)
        shutil.move(file, shop.home / "inbox" / "events" / file.name)
    stages = {row["stage"]: row for row in _refreshed(shop)}
    assert stages["load[events]"]["rows"] == arrived
    assert not {"train", "score", "observe"} & {name.partition("[")[0] for name in stages}
    refreshed = shop.query(OTHERS)
    assert refreshed != before
    shop.call("run", "--no-airflow", "--no-send")
    assert shop.query(OTHERS) == refreshed
