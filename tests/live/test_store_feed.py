"""The store is what the lake states after every feed, and a feed writes only what changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from live.store import erase, feed, opt_outs
from live.store.base import ProfileStore
from live.store.opened import VARIABLE, open_store
from live.store.records import OptOutMark, ProfileRecord, Version
from segmentry import warehouse
from segmentry.errors import ConfigError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from tests.live import small_lake
from tests.live.small_lake import AT, differences, names, run


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv(VARIABLE, raising=False)
    return small_lake.home(tmp_path)


@pytest.fixture
def store(lake: Settings) -> Iterator[ProfileStore]:
    with closing(open_store(lake)) as found:
        yield found


def fed(settings: Settings, store: ProfileStore, **parts: Any) -> tuple[int, int]:
    report = feed.feed(settings, store, **parts)
    return report.rows["profiles written"], report.rows["profiles removed"]


def log(store: ProfileStore) -> list[tuple[str, str, str]]:
    found = store.changes(None, 1000)
    assert found is not None
    return [(item.profile_id, item.segment, item.change) for item in found]


def test_each_kind_of_change_reaches_the_store_and_nothing_else_is_written(
    lake: Settings, store: ProfileStore
) -> None:
    assert fed(lake, store) == (6, 0)
    assert differences(lake, store) == []
    assert log(store) == []
    assert fed(lake, store) == (0, 0)

    people = "lake.profiles.profiles"
    run(lake, f"update {people} set orders_30d = 77 where profile_id = 'p1'")
    assert fed(lake, store) == (1, 0)
    (p1,) = store.find_many([("email", "p1@shop.example")])
    assert p1 is not None
    assert p1.traits == {"country": "DE", "first_seen_at": "2026-03-01T08:00:00Z", "orders_30d": 77}
    assert p1.scores == {"churn_score": 0.1, "persona": "Regular"}

    run(lake, f"update {people} set secret_note = 'other'")
    assert fed(lake, store) == (0, 0)

    run(
        lake,
        "delete from lake.segments.segment_memberships where profile_id = 'p2'",
        f"insert into lake.segments.segment_memberships values ('new', 'p3', '{AT}', '1')",
    )
    assert fed(lake, store) == (2, 0)
    assert sorted(log(store)) == [("p2", "even", "left"), ("p3", "new", "entered")]

    run(lake, "insert into lake.marts.consents values ('p4', 'analytics', 'any', true, false)")
    assert fed(lake, store) == (1, 0)
    run(lake, "update lake.identity.identifier_mapping set profile_id = 'p5'"
              " where identifier = 'c-p0-x'")  # fmt: skip
    assert fed(lake, store) == (2, 0)
    assert names(store.find_many([("cookie", "c-p0-x")])) == ["p5"]
    assert differences(lake, store) == []


def test_a_table_that_is_emptied_and_refilled_changes_nothing(
    lake: Settings, store: ProfileStore
) -> None:
    fed(lake, store)
    for relation in ("profiles.profiles", "segments.segment_memberships"):
        run(
            lake,
            f"create temp table kept as select * from lake.{relation}",
            f"delete from lake.{relation}",
            f"insert into lake.{relation} select * from kept",
            "drop table kept",
        )
    assert fed(lake, store) == (0, 0)


def test_a_table_that_was_created_again_is_read_whole(lake: Settings, store: ProfileStore) -> None:
    fed(lake, store)
    run(
        lake,
        "create or replace table lake.profiles.profiles as"
        " select * replace (orders_30d + 1 as orders_30d), 1 as orders_90d"
        " from lake.profiles.profiles where profile_id <> 'p0'",
    )
    assert fed(lake, store) == (5, 1)
    assert differences(lake, store) == []
    assert log(store) == [("p0", "even", "left")]


def test_a_merge_moves_identifiers_and_the_former_id_still_answers(
    lake: Settings, store: ProfileStore
) -> None:
    fed(lake, store)
    run(
        lake,
        "update lake.identity.identifier_mapping set profile_id = 'p1' where profile_id = 'p0'",
        "delete from lake.profiles.profiles where profile_id = 'p0'",
        "delete from lake.segments.segment_memberships where profile_id = 'p0'",
        "delete from lake.marts.consents where profile_id = 'p0'",
        "insert into lake.identity.profile_resolution values ('p0', 'p1'), ('p1', 'p1')",
    )
    assert fed(lake, store) == (1, 1)
    asked = [("profile_id", "p0"), ("email", "p0@shop.example"), ("email", "p1@shop.example")]
    assert names(store.find_many(asked)) == ["p1", "p1", "p1"]
    assert differences(lake, store) == []


def test_a_lost_store_is_rebuilt_and_logs_no_entries(lake: Settings) -> None:
    with closing(open_store(lake)) as store:
        fed(lake, store)
        cursor = store.newest()
    for path in (lake.home / "store").iterdir():
        path.unlink()
    with closing(open_store(lake)) as store:
        assert fed(lake, store) == (6, 0)
        assert differences(lake, store) == []
        assert store.changes(cursor, 10) is None
        assert log(store) == []
        assert fed(lake, store, is_rebuilt=True) == (6, 0)
        assert log(store) == []


def test_other_rules_and_expired_snapshots_rebuild(lake: Settings, store: ProfileStore) -> None:
    fed(lake, store)
    path = lake.config / "api.yml"
    path.write_text(path.read_text().replace("first_seen_at, ", ""))
    assert fed(lake, store) == (6, 0)
    run(lake, "delete from lake.segments.segment_memberships where profile_id = 'p2'")
    with warehouse.connect(lake) as connection:
        connection.execute("call ducklake_expire_snapshots('lake', older_than => now())")
    assert fed(lake, store) == (6, 0)
    assert differences(lake, store) == []
    assert log(store) == [("p2", "even", "left")]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("email", "names a person"), ("phone", "names a person"), ("oders_*", "no column")],
)
def test_wrong_traits_are_named(
    lake: Settings, store: ProfileStore, pattern: str, words: str
) -> None:
    path = lake.config / "api.yml"
    path.write_text(path.read_text().replace("orders_*", f'"{pattern}"'))
    with pytest.raises(ConfigError, match=words):
        feed.feed(lake, store)


def refuse(settings: Settings, person: str) -> None:
    run(
        settings,
        "insert into lake.activation.waiting_refusals (consent_id, identifier_type, identifier,"
        f" purpose, channel) values ('{person}', 'email', '{person}@shop.example', 'marketing',"
        " 'email')",
    )


def consent(store: ProfileStore, person: str) -> str | None:
    (found,) = store.find_many([("profile_id", person)])
    assert found is not None
    return found.consent.get("marketing/email")


def test_a_refusal_is_in_the_answers_before_any_stage(lake: Settings, store: ProfileStore) -> None:
    fed(lake, store)
    refuse(lake, "p3")
    assert consent(store, "p3") == "granted"
    assert opt_outs.mark_now(lake) == 1
    assert opt_outs.mark_now(lake) == 0
    assert consent(store, "p3") == "refused"
    assert [mark.profile_id for mark in store.marked()] == ["p3"]
    fed(lake, store)
    assert consent(store, "p3") == "refused"
    assert list(store.marked()) == []
    # The rule alone lifts it: a later grant that a run has read.
    run(lake, "delete from lake.activation.waiting_refusals")
    assert fed(lake, store) == (1, 0)
    assert consent(store, "p3") == "granted"


def test_a_watch_sees_a_refusal_that_came_through_another_door(
    lake: Settings, store: ProfileStore
) -> None:
    fed(lake, store)
    refuse(lake, "p1")
    watch = opt_outs.RefusalWatch(lake, store, pause=0.02)
    watch.start()
    try:
        assert consent(store, "p1") == "refused"
        refuse(lake, "p2")
        deadline = time.monotonic() + 10
        while consent(store, "p2") != "refused":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert watch.age < 10
    finally:
        watch.end()


def test_a_mark_of_live_stays_until_the_rule_has_it(lake: Settings, store: ProfileStore) -> None:
    fed(lake, store)
    store.opt_out([OptOutMark("p4", "marketing", "email")])
    run(lake, "update lake.profiles.profiles set orders_30d = 5")
    fed(lake, store)
    assert consent(store, "p4") == "refused"
    run(lake, "update lake.marts.consents set is_refused = true where profile_id = 'p4'")
    fed(lake, store)
    assert list(store.marked()) == []
    assert consent(store, "p4") == "refused"


def test_suppressed_people_are_refused(lake: Settings, store: ProfileStore) -> None:
    fed(lake, store)
    run(
        lake,
        "insert into lake.activation.suppressions values"
        f" ('email', 'P5@shop.example', 'email', 'complaint', '{AT}')",
    )
    assert fed(lake, store) == (1, 0)
    assert consent(store, "p5") == "refused"
    (found,) = store.find_many([("profile_id", "p5")])
    assert found is not None
    assert "marketing/any" not in found.consent


def test_a_newer_live_write_stays_and_the_next_batch_wins(
    lake: Settings, store: ProfileStore
) -> None:
    fed(lake, store)
    base = store.state().snapshot
    assert base is not None
    live = ProfileRecord("p0", Version(base, 4), segments={"live": AT})
    store.put([live])
    assert fed(lake, store) == (0, 0)
    run(lake, "update lake.profiles.profiles set orders_30d = 9 where profile_id = 'p0'")
    fed(lake, store)
    assert store.put([live]) == 0
    assert differences(lake, store) == []
    assert log(store)[-2:] == [("p0", "live", "left"), ("p0", "even", "entered")]


def test_an_erasure_reaches_the_store(lake: Settings, store: ProfileStore) -> None:
    fed(lake, store)
    assert erase.forget(lake, ["p2"], [("email", "p2@shop.example")]) > 0
    assert names(store.find_many([("profile_id", "p2"), ("cookie", "c-p2-x")])) == [None, None]
    assert erase.forget(lake, ["p2"], []) == 0
    fed(lake, store, is_rebuilt=True)
    assert names(store.find_many([("profile_id", "p2"), ("profile_id", "p1")])) == [None, "p1"]


def test_a_store_that_cannot_be_reached_stops_no_job(
    lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (lake.home / "store").mkdir()
    (lake.home / "store" / "profiles.sqlite").write_text("no database at all" * 100)
    report = feed.serve(RunContext(lake))
    assert report.is_incomplete
    assert "cannot be opened" in report.notes[0]
    monkeypatch.setenv(VARIABLE, "mongodb://somewhere")
    with pytest.raises(ConfigError, match="mongodb"):
        feed.serve(RunContext(lake))


def test_a_lake_without_profiles_has_nothing_to_serve(home: Settings) -> None:
    report = feed.serve(RunContext(home))
    assert report.status == "unchanged"
    assert "identity" in report.notes[0]


@pytest.mark.slow
def test_a_feed_killed_at_any_time_and_run_again_is_the_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = small_lake.home(tmp_path, people=3)
    run(
        settings,
        "insert into lake.profiles.profiles select 'q' || i, 'DE', null, i, now()::timestamp, 0.1,"
        " 'Regular', '' from range(6000) as t (i)",
        "insert into lake.segments.segment_memberships select 's' || i % 7, 'q' || i,"
        f" timestamp '{AT}', '1' from range(6000) as t (i)",
    )
    program = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from live.store import feed, opened; from segmentry.settings import Settings\n"
        "settings = replace(Settings.from_environment(), config=Path(sys.argv[1]))\n"
        "feed.feed(settings, opened.open_store(settings))\n"
    )
    environment = {**os.environ, "SEGMENTRY_HOME": str(settings.home)}
    killed = 0
    for attempt in range(6):
        run(
            settings,
            f"update lake.segments.segment_memberships set segment = 't{attempt}'"
            f" where profile_id like 'q%{attempt}'",
        )
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(settings.config)], env=environment
        )
        time.sleep(0.1 + attempt * 0.15)
        writer.send_signal(signal.SIGKILL)
        killed += writer.wait() != 0
    assert killed
    with closing(open_store(settings)) as store:
        fed(settings, store)
        assert differences(settings, store) == []
        assert fed(settings, store) == (0, 0)
