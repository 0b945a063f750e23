"""The store in one SQLite file with a write-ahead log: readers in several processes are not blocked
by the one that writes. Deleted content is overwritten (``secure_delete``).
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from live.store import records as r
from live.store.keys import PROFILE, IdentifierHashes
from live.store.records import (
    Identifier,
    MembershipChange,
    OptOutMark,
    ProfileRecord,
    StoredProfile,
    StoreState,
    StoreStats,
    Version,
)
from segmentry.permissions import private_folder

LAYOUT = 1  # of the tables; a file of another one is rebuilt
KEPT_CHANGES = 100_000  # a client that was away for more of them reads its profiles again
_WAIT = 30.0  # seconds for the other writer
_TABLES = """
create table if not exists profiles (
    profile_id text primary key, snapshot integer not null, sequence integer not null,
    is_deleted integer not null, body blob not null) without rowid;
create table if not exists identifiers (
    hash blob primary key, profile_id text not null) without rowid;
create index if not exists identifiers_by_profile on identifiers (profile_id);
create table if not exists opt_outs (
    profile_id text not null, purpose text not null, channel text not null, snapshot integer,
    primary key (profile_id, purpose, channel)) without rowid;
create table if not exists changes (
    id integer primary key autoincrement, profile_id text not null, segment text not null,
    change text not null, snapshot integer not null, sequence integer not null);
create index if not exists changes_by_profile on changes (profile_id);
create table if not exists forgotten (hash blob primary key) without rowid;
create table if not exists state (name text primary key, value text) without rowid;
"""
_BY_HASH = "select profile_id from identifiers where hash = ?"
_PROFILE = (
    "select profile_id, snapshot, sequence, body, (select group_concat(purpose || '/' || channel)"
    " from opt_outs where opt_outs.profile_id = profiles.profile_id) from profiles"
    " where profile_id = ? and not is_deleted"
)


class EmbeddedStore:
    """One file. A connection for each thread; writers wait for each other."""

    def __init__(self, path: Path, hashes: IdentifierHashes) -> None:
        self._path = path
        self._hashes = hashes
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        private_folder(path.parent)
        with self._writing() as c:
            (layout,) = c.execute("pragma user_version").fetchone()
            if layout != LAYOUT:
                _create(c)
            c.execute(
                "insert or ignore into state values ('generation', ?)", [secrets.token_hex(4)]
            )

    def find_many(self, identifiers: Sequence[Identifier]) -> list[StoredProfile | None]:
        """See ProfileStore."""
        c = self._connection()
        return [self._find(c, kind, value) for kind, value in identifiers]

    def _find(self, c: sqlite3.Connection, kind: str, value: str) -> StoredProfile | None:
        row = c.execute(_PROFILE, (value,)).fetchone() if kind == PROFILE else None
        if row is None:  # a former profile_id is an identifier like others
            home = c.execute(_BY_HASH, (self._hashes.of(kind, value),)).fetchone()
            row = home and c.execute(_PROFILE, home).fetchone()
        if row is None:
            return None
        marks = row[4].split(",") if row[4] else ()
        return r.stored(row[0], Version(row[1], row[2]), row[3], marks)

    def put(self, records: Sequence[ProfileRecord], *, is_logged: bool = True) -> int:
        """See ProfileStore."""
        with self._writing() as c:
            done = sum(self._put(c, record, is_logged) for record in records)
            if is_logged:
                _prune(c)
        return done

    def _put(self, c: sqlite3.Connection, record: ProfileRecord, is_logged: bool) -> bool:
        forgotten = self._hashes.of_normal(PROFILE, record.profile_id)
        if c.execute("select 1 from forgotten where hash = ?", (forgotten,)).fetchone():
            return False
        known = c.execute(
            "select snapshot, sequence, body, is_deleted from profiles where profile_id = ?",
            (record.profile_id,),
        ).fetchone()
        if known is not None and record.version < Version(known[0], known[1]):
            return False
        former = orjson.loads(known[2]) if known is not None and not known[3] else {}
        parts = {**former, **record.parts()}
        if is_logged:
            _log(c, record.profile_id, former, parts, record.version)
        c.execute(
            "insert into profiles values (?, ?, ?, 0, ?) on conflict (profile_id) do update set"
            " snapshot = excluded.snapshot, sequence = excluded.sequence, is_deleted = 0,"
            " body = excluded.body",
            (record.profile_id, *record.version, r.pack(parts)),
        )
        if record.identifiers is not None:
            self._put_identifiers(c, record.profile_id, record.identifiers)
        return True

    def _put_identifiers(
        self, c: sqlite3.Connection, profile_id: str, identifiers: Sequence[Identifier]
    ) -> None:
        hashes = {self._hashes.of_normal(kind, value) for kind, value in identifiers}
        there = {
            found
            for (found,) in c.execute(
                "select hash from identifiers where profile_id = ?", (profile_id,)
            )
        }
        c.executemany("delete from identifiers where hash = ?", [(one,) for one in there - hashes])
        c.executemany(
            "insert into identifiers values (?, ?) on conflict (hash) do update set"
            " profile_id = excluded.profile_id",
            [(one, profile_id) for one in hashes - there],
        )

    def delete(self, profile_ids: Collection[str], version: Version) -> int:
        """See ProfileStore."""
        done = 0
        with self._writing() as c:
            for profile_id in profile_ids:
                known = c.execute(
                    "select snapshot, sequence, body from profiles where profile_id = ?"
                    " and not is_deleted",
                    (profile_id,),
                ).fetchone()
                if known is None or version < Version(known[0], known[1]):
                    continue
                _log(c, profile_id, orjson.loads(known[2]), {}, version)
                c.execute(
                    "update profiles set snapshot = ?, sequence = ?, is_deleted = 1, body = '{}'"
                    " where profile_id = ?",
                    (*version, profile_id),
                )
                c.execute("delete from identifiers where profile_id = ?", (profile_id,))
                done += 1
            _prune(c)
        return done

    def opt_out(self, opt_outs: Sequence[OptOutMark]) -> int:
        """See ProfileStore."""
        with self._writing() as c:
            before = c.total_changes
            c.executemany(
                "insert into opt_outs values (?, ?, ?, ?) on conflict (profile_id, purpose,"
                " channel) do update set snapshot = excluded.snapshot"
                " where opt_outs.snapshot is not null and (excluded.snapshot is null"
                " or excluded.snapshot > opt_outs.snapshot)",
                opt_outs,
            )
            return c.total_changes - before

    def lift(self, profile_ids: Collection[str], snapshot: int | None) -> int:
        """See ProfileStore."""
        limit = "" if snapshot is None else f" and snapshot <= {int(snapshot)}"
        with self._writing() as c:
            before = c.total_changes
            c.executemany(
                f"delete from opt_outs where profile_id = ?{limit}",
                [(one,) for one in profile_ids],
            )
            return c.total_changes - before

    def marked(self) -> Iterator[OptOutMark]:
        """See ProfileStore."""
        sql = "select profile_id, purpose, channel, snapshot from opt_outs order by 1, 2, 3"
        for row in self._connection().execute(sql).fetchall():
            yield OptOutMark(*row)

    def forget(self, profile_ids: Collection[str], identifiers: Iterable[Identifier]) -> int:
        """See ProfileStore."""
        people = [(one,) for one in profile_ids]
        with self._writing() as c:
            before = c.total_changes
            for table in ("profiles", "identifiers", "opt_outs", "changes"):
                c.executemany(f"delete from {table} where profile_id = ?", people)
            c.executemany(
                "delete from identifiers where hash = ?",
                [(self._hashes.of_normal(kind, value),) for kind, value in identifiers],
            )
            done = c.total_changes - before
            c.executemany(
                "insert or ignore into forgotten values (?)",
                [(self._hashes.of_normal(PROFILE, one),) for one in profile_ids],
            )
        self._connection().execute("pragma wal_checkpoint(truncate)")
        return done

    def changes(self, after: str | None, most: int) -> list[MembershipChange] | None:
        """See ProfileStore."""
        c = self._connection()
        generation = self.state().generation
        number = 0
        if after is not None:
            given, _, text = after.partition("-")
            first = c.execute("select min(id) from changes").fetchone()[0] or 0
            if given != generation or not text.isdigit() or int(text) < first - 1:
                return None
            number = int(text)
        rows = c.execute(
            "select id, profile_id, segment, change, snapshot, sequence from changes where id > ?"
            " order by id limit ?",
            (number, most),
        ).fetchall()
        return [
            MembershipChange(f"{generation}-{row[0]}", row[1], row[2], row[3], Version(*row[4:]))
            for row in rows
        ]

    def newest(self) -> str:
        """See ProfileStore."""
        row = (
            self._connection()
            .execute("select seq from sqlite_sequence where name = 'changes'")
            .fetchone()
        )
        return f"{self.state().generation}-{row[0] if row else 0}"

    def consents(self) -> Iterator[tuple[str, dict[str, str]]]:
        """See ProfileStore."""
        sql = "select profile_id, body ->> '$.consent' from profiles where not is_deleted"
        for profile_id, text in self._connection().execute(sql):
            yield profile_id, orjson.loads(text) if text else {}

    def older_than(self, version: Version) -> Iterator[str]:
        """See ProfileStore."""
        sql = (
            "select profile_id from profiles where not is_deleted"
            " and (snapshot, sequence) < (?, ?) order by profile_id"
        )
        for (profile_id,) in self._connection().execute(sql, version).fetchall():
            yield profile_id

    def state(self) -> StoreState:
        """See ProfileStore."""
        found = dict(self._connection().execute("select name, value from state").fetchall())
        snapshot = found.get("snapshot")
        return StoreState(
            found["generation"],
            None if snapshot is None else int(snapshot),
            found.get("fingerprint", ""),
        )

    def keep_state(self, snapshot: int, fingerprint: str) -> None:
        """See ProfileStore."""
        with self._writing() as c:
            c.executemany(
                "insert or replace into state values (?, ?)",
                [("snapshot", str(snapshot)), ("fingerprint", fingerprint)],
            )

    def begin_generation(self) -> None:
        """See ProfileStore."""
        with self._writing() as c:
            c.execute("delete from changes")
            c.execute("delete from state where name in ('snapshot', 'fingerprint')")
            c.execute(
                "insert or replace into state values ('generation', ?)", [secrets.token_hex(4)]
            )

    def stats(self) -> StoreStats:
        """See ProfileStore."""
        row = (
            self._connection()
            .execute(
                "select (select count(*) from profiles where not is_deleted),"
                " (select count(*) from identifiers), (select count(*) from opt_outs),"
                " (select count(*) from changes)"
            )
            .fetchone()
        )
        wal = self._path.with_name(f"{self._path.name}-wal")
        size = sum(one.stat().st_size for one in (self._path, wal) if one.exists())
        profiles, identifiers, opt_outs, changes = row
        return StoreStats(profiles, identifiers, opt_outs, changes, size)

    def close(self) -> None:
        """See ProfileStore."""
        with self._lock:
            for connection in self._opened:
                connection.close()
            self._opened.clear()
        self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(
                self._path, timeout=_WAIT, isolation_level=None, check_same_thread=False
            )
            found.execute("pragma journal_mode = wal")
            # A power failure may lose the last writes, with the state that they belong to.
            found.execute("pragma synchronous = normal")
            found.execute("pragma secure_delete = on")
            found.execute("pragma cache_size = -16384")
            self._local.connection = found
            with self._lock:
                self._opened.append(found)
        return found

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        c = self._connection()
        c.execute("begin immediate")
        try:
            yield c
            c.execute("commit")
        except BaseException:
            c.execute("rollback")
            raise


def _create(c: sqlite3.Connection) -> None:
    # Who was forgotten stays so, whatever the layout.
    for table in ("profiles", "identifiers", "opt_outs", "changes", "state"):
        c.execute(f"drop table if exists {table}")
    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
        c.execute(statement)
    c.execute(f"pragma user_version = {LAYOUT}")


def _log(
    c: sqlite3.Connection,
    profile_id: str,
    former: dict[str, Any],
    parts: dict[str, Any],
    version: Version,
) -> None:
    before = former.get("segments", {}).keys()
    after = parts.get("segments", {}).keys()
    c.executemany(
        "insert into changes (profile_id, segment, change, snapshot, sequence)"
        " values (?, ?, ?, ?, ?)",
        [
            *((profile_id, one, r.LEFT, *version) for one in sorted(before - after)),
            *((profile_id, one, r.ENTERED, *version) for one in sorted(after - before)),
        ],
    )


def _prune(c: sqlite3.Connection) -> None:
    c.execute("delete from changes where id <= (select max(id) from changes) - ?", (KEPT_CHANGES,))
