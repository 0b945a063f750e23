"""What the live engine keeps between two micro-batches, in ``live.sqlite`` of the home.

Offsets, events, stays and changes are written in one transaction, so a kill at any point leaves a
micro-batch done or not begun.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from live.inbox import FilePosition
from segmentry.errors import NotReadyError
from segmentry.settings import Settings

_TABLES = """
create table if not exists facts (name text primary key, value text not null) strict;
create table if not exists places (
    file text primary key, path text not null, byte_offset integer not null) strict;
create table if not exists place_marks (file text primary key, mark text not null) strict;
create table if not exists waiting_events (
    number integer primary key, event_id text not null unique, file text not null,
    line text not null, loaded_at text not null, outcome text not null) strict;
create table if not exists evaluated (profile_id text primary key, as_of text not null) strict;
create table if not exists stays (
    profile_id text not null, segment text not null, version text not null,
    pending_since text not null, entered_at text, exiting_since text,
    primary key (profile_id, segment)) strict, without rowid;
create table if not exists memberships (
    profile_id text not null, segment text not null, entered_at text not null,
    primary key (profile_id, segment)) strict, without rowid;
create table if not exists membership_changes (
    sequence integer primary key autoincrement, profile_id text not null, segment text not null,
    change text not null, at text not null, cause text not null) strict;
create table if not exists refusals (
    profile_id text not null, purpose text not null,
    primary key (profile_id, purpose)) strict, without rowid;
create table if not exists provisional (
    kind text not null, profile_id text not null, other_profile_id text not null,
    found_at text not null, primary key (kind, profile_id, other_profile_id)) strict, without rowid;
"""
# Where a profile is named.
_OF_PROFILES = (
    ("evaluated", "profile_id"),
    ("stays", "profile_id"),
    ("memberships", "profile_id"),
    ("membership_changes", "profile_id"),
    ("refusals", "profile_id"),
    ("provisional", "profile_id"),
    ("provisional", "other_profile_id"),
)
SNAPSHOT = "snapshot"  # the batch that the stays continue
CLOCK = "clock"  # the newest as_of that was evaluated
PUBLISHED = "published"  # the newest change that the real-time store has
READ_AT = "read_at"  # when the engine last looked
BEHIND = "bytes_behind"


class WaitingEvent(NamedTuple):
    """An event that no batch has yet. outcome: that of staging; one in quarantine waits only for
    the refusal that it may state.
    """

    event_id: str
    file: str
    line: str
    loaded_at: datetime
    outcome: str


class StayRow(NamedTuple):
    """One stay, pending or entered."""

    profile_id: str
    segment: str
    version: str
    pending_since: datetime
    entered_at: datetime | None
    exiting_since: datetime | None


class Change(NamedTuple):
    """An entry or an exit. cause: event, time, batch, or size of a segment."""

    profile_id: str
    segment: str
    change: str
    at: datetime
    cause: str
    sequence: int = 0


class State:
    """One connection to the file; use it from one thread."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._connection.execute("pragma journal_mode = wal")
        self._connection.execute("pragma synchronous = full")
        self._connection.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written within it is kept, or nothing."""
        self._connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def fact(self, name: str) -> str | None:
        """A value by name."""
        row = self._connection.execute("select value from facts where name = ?", [name]).fetchone()
        return row[0] if row else None

    def keep(self, name: str, value: object) -> None:
        """Keep a value by name."""
        self._connection.execute("insert or replace into facts values (?, ?)", [name, str(value)])

    def places(self) -> dict[str, FilePosition]:
        """How far each file is read, by its key."""
        rows = self._connection.execute(
            "select file, path, byte_offset, coalesce(mark, '') from places"
            " left join place_marks using (file)"
        )
        return {file: FilePosition(path, offset, mark) for file, path, offset, mark in rows}

    def keep_places(self, places: dict[str, FilePosition]) -> None:
        """Move on in these files."""
        self._many(
            "insert or replace into places values (?, ?, ?)",
            ((file, place.path, place.offset) for file, place in places.items()),
        )
        self._many(
            "insert or replace into place_marks values (?, ?)",
            ((file, place.mark) for file, place in places.items()),
        )

    def forget_places(self, files: Iterable[str]) -> None:
        """Forget files that a batch has loaded and that are missing."""
        named = [(file,) for file in files]
        self._many("delete from places where file = ?", named)
        self._many("delete from place_marks where file = ?", named)

    def waiting(self) -> list[WaitingEvent]:
        """Events that wait for a batch, in the order of their arrival."""
        rows = self._connection.execute(
            "select event_id, file, line, loaded_at, outcome from waiting_events order by number"
        )
        return [WaitingEvent(e, f, line, _time(at), o) for e, f, line, at, o in rows]

    def add_waiting(self, events: Iterable[WaitingEvent]) -> None:
        """Keep events until a batch has them."""
        self._many(
            "insert or ignore into waiting_events (event_id, file, line, loaded_at, outcome)"
            " values (?, ?, ?, ?, ?)",
            ((e.event_id, e.file, e.line, _text(e.loaded_at), e.outcome) for e in events),
        )

    def drop_waiting(self, event_ids: Iterable[str]) -> None:
        """Drop events that a batch has."""
        self._many("delete from waiting_events where event_id = ?", ((one,) for one in event_ids))

    def evaluated(self) -> dict[str, datetime]:
        """Profiles that were evaluated since the batch, and when last."""
        rows = self._connection.execute("select profile_id, as_of from evaluated")
        return {profile: _time(at) for profile, at in rows}

    def keep_evaluated(self, profiles: Iterable[str], as_of: datetime) -> None:
        """Record an evaluation."""
        at = _text(as_of)
        self._many(
            "insert or replace into evaluated values (?, ?)", ((one, at) for one in profiles)
        )

    def clear_evaluated(self) -> None:
        """A new batch is what counts: drop the evaluations and stays behind it."""
        self._connection.execute("delete from evaluated")
        self._connection.execute("delete from stays")

    def stays(self) -> list[StayRow]:
        """The stays of the profiles evaluated."""
        rows = self._connection.execute("select * from stays")
        return [
            StayRow(p, s, v, _time(since), _maybe(entered), _maybe(exiting))
            for p, s, v, since, entered, exiting in rows
        ]

    def keep_stays(self, profiles: Iterable[str], stays: Iterable[StayRow]) -> None:
        """Replace the stays of these profiles."""
        self._many("delete from stays where profile_id = ?", ((one,) for one in profiles))
        self._many(
            "insert into stays values (?, ?, ?, ?, ?, ?)",
            (
                (s.profile_id, s.segment, s.version, _text(s.pending_since),
                 _text(s.entered_at), _text(s.exiting_since))
                for s in stays
            ),
        )  # fmt: skip

    def memberships(self) -> dict[tuple[str, str], datetime]:
        """Who is in which segment since when: (profile_id, segment) to entered_at."""
        rows = self._connection.execute("select profile_id, segment, entered_at from memberships")
        return {(profile, segment): _time(at) for profile, segment, at in rows}

    def memberships_of(self, profiles: Iterable[str]) -> dict[str, dict[str, datetime]]:
        """Segments of each of these profiles, with their entered_at."""
        sql = "select segment, entered_at from memberships where profile_id = ?"
        return {
            one: {segment: _time(at) for segment, at in self._connection.execute(sql, [one])}
            for one in profiles
        }

    def seed_memberships(self, rows: Iterable[tuple[str, str, datetime]]) -> None:
        """Begin with these memberships, none of which is a change."""
        self._many(
            "insert or ignore into memberships values (?, ?, ?)",
            ((profile, segment, _text(at)) for profile, segment, at in rows),
        )

    def add_changes(self, changes: Sequence[Change]) -> None:
        """Append changes and apply them to the memberships."""
        self._many(
            "insert into membership_changes (profile_id, segment, change, at, cause)"
            " values (?, ?, ?, ?, ?)",
            ((c.profile_id, c.segment, c.change, _text(c.at), c.cause) for c in changes),
        )
        self._many(
            "insert or replace into memberships values (?, ?, ?)",
            ((c.profile_id, c.segment, _text(c.at)) for c in changes if c.change == "entered"),
        )
        self._many(
            "delete from memberships where profile_id = ? and segment = ?",
            ((c.profile_id, c.segment) for c in changes if c.change == "left"),
        )

    def changes(self, after: int = 0, most: int = 10_000) -> list[Change]:
        """Changes behind a sequence number, oldest first."""
        rows = self._connection.execute(
            "select profile_id, segment, change, at, cause, sequence from membership_changes"
            " where sequence > ? order by sequence limit ?",
            [after, most],
        )
        return [Change(p, s, c, _time(at), cause, n) for p, s, c, at, cause, n in rows]

    def newest_sequence(self) -> int:
        """Sequence number of the newest change, 0 before the first."""
        row = self._connection.execute("select max(sequence) from membership_changes").fetchone()
        return int(row[0] or 0)

    def newest_changes(self, after: int, since: datetime) -> list[Change]:
        """Changes behind a sequence number that are not older than the time, oldest first."""
        rows = self._connection.execute(
            "select profile_id, segment, change, at, cause, sequence from membership_changes"
            " where sequence > ? and at >= ? order by sequence",
            [after, _text(since)],
        )
        return [Change(p, s, c, _time(at), cause, n) for p, s, c, at, cause, n in rows]

    def add_refusals(self, refusals: Iterable[tuple[str, str]]) -> None:
        """Keep refusals, (profile_id, purpose), that no batch has yet."""
        self._many("insert or ignore into refusals values (?, ?)", refusals)

    def replace_refusals(self, refusals: Iterable[tuple[str, str]]) -> None:
        """Keep these alone: a batch has the others."""
        self._connection.execute("delete from refusals")
        self.add_refusals(refusals)

    def refused(self, purpose: str) -> frozenset[str]:
        """Profiles that refused the purpose since the batch."""
        rows = self._connection.execute(
            "select profile_id from refusals where purpose = ?", [purpose]
        )
        return frozenset(profile_id for (profile_id,) in rows)

    def keep_provisional(self, rows: Iterable[tuple[str, str, str, datetime]]) -> None:
        """Replace the list of what the batch decides: (kind, profile_id, other, found_at)."""
        self._connection.execute("delete from provisional")
        self._many(
            "insert or ignore into provisional values (?, ?, ?, ?)",
            ((kind, one, other, _text(at)) for kind, one, other, at in rows),
        )

    def provisional(self) -> list[tuple[str, str, str, str]]:
        """What the batch decides: new profiles, and links between known ones."""
        return list(self._connection.execute("select * from provisional order by found_at"))

    def forget(self, profiles: Sequence[str], event_ids: Sequence[str]) -> int:
        """Delete what is kept of these profiles, and these waiting events; returns the rows."""
        before = self._connection.total_changes
        for table, column in _OF_PROFILES:
            self._many(f"delete from {table} where {column} = ?", ((one,) for one in profiles))
        self.drop_waiting(event_ids)
        return self._connection.total_changes - before

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        names = ("waiting_events", "evaluated", "memberships", "membership_changes", "provisional")
        return {
            name: int(self._connection.execute(f"select count(*) from {name}").fetchone()[0])
            for name in names
        }

    def _many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        self._connection.executemany(sql, rows)


def no_engine() -> NotReadyError:
    """Why there is nothing to report on."""
    return NotReadyError(
        "no live engine has run in this home",
        allowed="a home with live.sqlite",
        remedy="start it with `segmentry live run`",
    )


def file_of(settings: Settings) -> Path:
    """Where the engine keeps its state."""
    return settings.home / "live.sqlite"


def _text(at: datetime | None) -> str | None:
    return at.isoformat(sep=" ") if at is not None else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _time(text)
