"""What the engine keeps: all of a turn or nothing."""

from __future__ import annotations

import stat
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from live.inbox import FilePosition
from live.state import Change, State, StayRow, WaitingEvent

AT = datetime(2026, 3, 1, 12, 30, 0, 5)


def test_what_is_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "live.sqlite"
    event = WaitingEvent("m1", "f", '{"messageId":"m1"}', AT, "accepted")
    stay = StayRow("p", "fans", "v1", AT, None, None)
    change = Change("p", "buyers", "entered", AT, "event")
    with closing(State(path)) as kept, kept.transaction():
        kept.keep_places({"f": FilePosition("inbox/a", 12, "m")})
        kept.add_waiting([event, event])
        kept.keep_stays(["p"], [stay])
        kept.keep_evaluated(["p"], AT)
        kept.add_changes([change])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(State(path)) as kept:
        assert kept.places() == {"f": FilePosition("inbox/a", 12, "m")}
        assert kept.waiting() == [event]
        assert kept.stays() == [stay]
        assert kept.evaluated() == {"p": AT}
        assert kept.changes() == [change._replace(sequence=1)]
        assert kept.memberships() == {("p", "buyers"): AT}


def test_a_turn_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with closing(State(tmp_path / "live.sqlite")) as kept:
        with pytest.raises(ZeroDivisionError), kept.transaction():
            kept.keep_places({"f": FilePosition("a", 1)})
            kept.add_changes([Change("p", "s", "entered", AT, "event")])
            raise ZeroDivisionError
        assert kept.places() == {}
        assert kept.newest_sequence() == 0


def test_an_exit_ends_the_membership_and_numbers_go_on(tmp_path: Path) -> None:
    with closing(State(tmp_path / "live.sqlite")) as kept:
        kept.seed_memberships([("p", "s", AT)])
        kept.add_changes([Change("p", "s", "left", AT, "time")])
        kept.add_changes([Change("p", "t", "entered", AT, "event")])
        assert kept.memberships() == {("p", "t"): AT}
        assert [(c.sequence, c.segment) for c in kept.changes(after=1)] == [(2, "t")]
