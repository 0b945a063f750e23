"""An erasure leaves nothing of its people in the live engine's file, and everything of others."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from live import erasing
from live.state import Change, State, StayRow, WaitingEvent, file_of
from privacy import databases
from privacy.search import ValueScan
from privacy.values import Matcher
from segmentry.settings import Settings

AT = datetime(2026, 3, 1)
ERASED = ("a1b2c3d4e5f60718293a4b5c6d7e8f90", "b1b2c3d4e5f60718293a4b5c6d7e8f91")
OTHER = "c1b2c3d4e5f60718293a4b5c6d7e8f92"
MAIL = "quixwort.zebulonia@mail.example.com"


def _line(number: int, mail: str) -> WaitingEvent:
    text = f'{{"messageId":"m{number}","traits":{{"email":"{mail}"}}}}'
    return WaitingEvent(f"m{number}", "f", text, AT, "accepted")


def _fill(settings: Settings) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    profiles = [*ERASED, OTHER]
    with closing(State(file_of(settings))) as kept, kept.transaction():
        kept.add_waiting([_line(1, MAIL), _line(2, "other.person@mail.example.com")])
        kept.keep_evaluated(profiles, AT)
        kept.keep_stays([], [StayRow(one, "fans", "v1", AT, AT, None) for one in profiles])
        kept.add_changes([Change(one, "fans", "entered", AT, "event") for one in profiles])
        kept.keep_provisional([("link", OTHER, ERASED[0], AT), ("new", OTHER, "", AT)])


def test_the_people_leave_and_others_stay(tmp_path: Path) -> None:
    settings = replace(Settings.from_environment({}), home=tmp_path / "home")
    _fill(settings)
    scan = ValueScan(Matcher([*ERASED, MAIL]))
    # Two of each of four tables, one link, one event.
    assert erasing.forget(settings, ERASED, scan.count) == 10
    databases.clean(settings, scan)
    found = b"".join(path.read_bytes() for path in settings.home.glob("live.sqlite*"))
    for value in (*ERASED, MAIL):
        assert value.encode() not in found
    with closing(State(file_of(settings))) as kept:
        assert [one.event_id for one in kept.waiting()] == ["m2"]
        assert list(kept.evaluated()) == [OTHER]
        assert kept.memberships() == {(OTHER, "fans"): AT}
        assert [one.profile_id for one in kept.changes()] == [OTHER]
        assert [row[:3] for row in kept.provisional()] == [("new", OTHER, "")]
    assert erasing.forget(settings, ERASED, scan.count) == 0


def test_a_home_without_an_engine_gets_no_file(tmp_path: Path) -> None:
    settings = replace(Settings.from_environment({}), home=tmp_path / "home")
    assert erasing.forget(settings, ERASED, lambda text: 1) == 0
    assert not file_of(settings).exists()


def test_two_people_in_one_place_of_a_key_do_not_stop_an_erasure(tmp_path: Path) -> None:
    settings = replace(Settings.from_environment({}), home=tmp_path / "home")
    settings.home.mkdir()
    with closing(sqlite3.connect(settings.home / "tool.sqlite")) as tool, tool:
        tool.execute("create table people (who text, list text, primary key (who, list))")
        tool.executemany("insert into people values (?, 'news')", [(one,) for one in ERASED])
        tool.execute("insert into people values (?, 'news')", [OTHER])
    databases.clean(settings, ValueScan(Matcher([*ERASED])))
    with closing(sqlite3.connect(settings.home / "tool.sqlite")) as tool:
        left = [who for (who,) in tool.execute("select who from people order by 1")]
    assert left == ["[erased]", OTHER]
