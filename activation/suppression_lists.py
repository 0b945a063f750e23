"""Suppression lists that the policy names: files and relations whose people no sync reaches.

They are brought into ``activation.suppressions``, before each run of a sync and each request, so
that the one rule of suppressions counts for them. A file that has the same time, size and place is
not opened; one that has the same content changes nothing. A list that cannot be read stops sending:
nobody knows who is on it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from activation import published
from segmentry import configuration, identifier_rows, tables, waiting, warehouse
from segmentry.errors import SegmentryError, SourceError, UsageError
from segmentry.identifier_words import PROFILE, TYPES
from segmentry.settings import Settings
from segmentry.snapshots import SETTLED_NS
from segmentry.tombstones import Tombstones

READ = "activation.suppression_lists"
COLUMNS = "list varchar, mark varchar, content varchar, identifiers bigint, read_at timestamp"
_REASON = "list: {}"
# (type, identifier, channel); a type or channel of '' is not named, and may be any.
Entry = tuple[str, str, str]


@dataclass(frozen=True)
class SuppressionList:
    """One list. Either path or relation is set. channel: for rows that name none."""

    name: str
    path: Path | None
    relation: str | None
    channel: str


def load(settings: Settings) -> list[SuppressionList]:
    """The lists of the policy; a file's path is below the folder of the configuration."""
    entries = configuration.policies(settings).get("consent", {}).get("suppression_lists") or ()
    return [
        SuppressionList(
            entry["name"],
            settings.config / entry["file"] if "file" in entry else None,
            entry.get("relation"),
            entry.get("channel", "any"),
        )
        for entry in entries
    ]


class ListWatch:
    """The lists of an installation, brought in whenever one of them has changed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lists = load(settings)
        self._marks: dict[str, str] | None = None if self._lists else {}
        self._snapshot = -1
        self._is_first = True

    def bring_in(self, lake: duckdb.DuckDBPyConnection, newest: Callable[[], int]) -> None:
        """Bring in what has changed, in one commit for each list. newest: the lake's newest
        snapshot.

        Raises SourceError for a list that cannot be read.
        """
        if not self._lists and not self._is_first:
            return
        if self._is_first:
            self._is_first = False
            self._marks = _marks(lake)
            self._forget_others(lake)
        marks = self._marks if self._marks is not None else {}
        for one in self._lists:
            if one.path is not None:
                self._bring_file(one, one.path, marks)
        if any(one.relation for one in self._lists) and newest() != self._snapshot:
            for one in self._lists:
                if one.relation is not None:
                    self._bring_relation(lake, one, one.relation, marks)
            self._snapshot = newest()

    def _bring_file(self, one: SuppressionList, path: Path, marks: dict[str, str]) -> None:
        mark, is_settled = _written(one, path)
        if marks.get(one.name) == mark:
            return
        entries = _of_file(one, path)
        _put(self._settings, one.name, mark if is_settled else "", entries)
        marks[one.name] = mark if is_settled else ""

    def _bring_relation(
        self, lake: duckdb.DuckDBPyConnection, one: SuppressionList, relation: str,
        marks: dict[str, str],
    ) -> None:  # fmt: skip
        select = _select(lake, one, relation)
        row = lake.execute(f"select count(*), bit_xor(hash(t)) from ({select}) as t").fetchone()
        mark = ":".join(str(part) for part in row or ())
        if marks.get(one.name) == mark:
            return
        rows = lake.execute(select).fetchall()
        _put(self._settings, one.name, mark, [(k or "", v, c or "") for k, v, c in rows])
        marks[one.name] = mark

    def _forget_others(self, lake: duckdb.DuckDBPyConnection) -> None:
        """Lift what lists put there that the policy names no more."""
        marks = self._marks or {}
        for name in sorted(set(marks) - {one.name for one in self._lists}):
            _put(self._settings, name, None, [])
            del marks[name]


def state(settings: Settings) -> list[dict[str, object]]:
    """Each list with its number of identifiers, when it was read last, and its fault."""
    watch = ListWatch(settings)
    faults: dict[str, str] = {}
    for one in load(settings):
        try:
            if one.path is not None:
                _written(one, one.path)
        except SegmentryError as error:
            faults[one.name] = error.received
    with warehouse.connect(settings) as lake:
        try:
            watch.bring_in(lake, lambda: warehouse.current_snapshot(lake))
        except SourceError as error:
            faults.setdefault("", error.received)
        rows = _rows(lake)
    found = {name: (count, at) for name, _, _, count, at in rows}
    return [
        {
            "list": one.name,
            "place": str(one.path or one.relation),
            "identifiers": found.get(one.name, (0, None))[0],
            "read_at": found.get(one.name, (0, None))[1],
            "fault": faults.get(one.name) or _of_list(faults.get("", ""), one.name),
        }
        for one in load(settings)
    ]


def _of_list(fault: str, name: str) -> str:
    return fault if f"'{name}'" in fault else ""


def _rows(lake: duckdb.DuckDBPyConnection) -> list[tuple[str, str, str, int, datetime]]:
    if not warehouse.relation_exists(lake, READ):
        return []
    return lake.execute(
        f"select list, mark, content, identifiers, read_at from lake.{READ}"
    ).fetchall()


def _marks(lake: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return {row[0]: row[1] for row in _rows(lake)}


def _written(one: SuppressionList, path: Path) -> tuple[str, bool]:
    """What changes whenever the file is written, and whether it can be relied upon yet."""
    try:
        found = path.stat()
    except OSError as error:
        raise _unreadable(one, f"{path}: {error.strerror}") from None
    mark = f"{found.st_mtime_ns}:{found.st_size}:{found.st_ino}:{one.channel}:{path}"
    return mark, time.time_ns() - found.st_mtime_ns > SETTLED_NS


def _of_file(one: SuppressionList, path: Path) -> list[Entry]:
    entries = []
    try:
        for line, cells in identifier_rows.read(path, ("channel", PROFILE)):
            if isinstance(cells, str):
                raise _unreadable(one, f"{path}: line {line:,}: {cells}")
            found = identifier_rows.named(cells)
            if profile := cells.get(PROFILE):
                found.append((PROFILE, profile))
            if not found:
                raise _unreadable(one, f"{path}: line {line:,}: it names no identifier")
            channel = cells.get("channel") or one.channel
            entries += [(kind, value, channel) for kind, value in found]
    except UsageError as error:
        raise _unreadable(one, error.received) from None
    return entries


def _select(lake: duckdb.DuckDBPyConnection, one: SuppressionList, relation: str) -> str:
    """SQL of the entries of a relation; its columns are those of a file."""
    if not warehouse.relation_exists(lake, relation):
        raise _unreadable(one, f"the relation {relation} is missing")
    names = {name.lower() for name in tables.column_names(lake, f"lake.{relation}")}
    default = f"'{one.channel}'"
    channel = f"coalesce(nullif(trim(channel), ''), {default})" if "channel" in names else default
    parts = [f"select '{kind}', trim({kind}), {channel} from lake.{relation} where {kind} is not"
             " null" for kind in (*TYPES, PROFILE) if kind in names]  # fmt: skip
    if "identifier" in names:
        kind = "identifier_type" if "identifier_type" in names else "null"
        parts.append(
            f"select {kind}, trim(identifier), {channel} from lake.{relation} where identifier is"
            " not null"
        )
    if not parts:
        raise _unreadable(one, f"the relation {relation} has no column that names an identifier")
    return " union ".join(parts)


def _put(settings: Settings, name: str, mark: str | None, entries: Sequence[Entry]) -> None:
    """Make the list's suppressions these, in one commit; mark: None where there is no such list
    any more.
    """
    graves = Tombstones(settings, configuration.shop_country(settings))
    entries = [one for one in entries if not graves.has(one[0], one[1])]
    digest = hashlib.sha256("\n".join("\t".join(one) for one in sorted(entries)).encode())
    content = digest.hexdigest()
    at = datetime.now(UTC).replace(tzinfo=None)
    with warehouse.connect(settings) as lake:

        def write() -> None:
            _ensure(lake)
            known = {row[0]: row for row in _rows(lake)}.get(name)
            if known is not None and (mark, content) == known[1:3]:
                return
            with _transaction(lake):
                lake.execute(f"delete from lake.{READ} where list = ?", [name])
                if mark is not None:
                    values = [name, mark, content, len(entries), at]
                    lake.execute(f"insert into lake.{READ} values (?, ?, ?, ?, ?)", values)
                if known is None or known[2] != content or mark is None:
                    _replace(lake, _REASON.format(name), entries, at)

        waiting.again(write)


@contextmanager
def _transaction(lake: duckdb.DuckDBPyConnection) -> Iterator[None]:
    lake.execute("begin")
    try:
        yield
        lake.execute("commit")
    except duckdb.Error:
        lake.execute("rollback")
        raise


def _ensure(lake: duckdb.DuckDBPyConnection) -> None:
    places = {READ: COLUMNS, "activation.suppressions": published.COLUMNS["suppressions"]}
    for relation, columns in places.items():
        if not warehouse.relation_exists(lake, relation):
            lake.execute(f"create table if not exists lake.{relation} ({columns})")


def _replace(
    lake: duckdb.DuckDBPyConnection, reason: str, entries: Sequence[Entry], at: datetime
) -> None:
    lake.execute("delete from lake.activation.suppressions where reason = ?", [reason])
    if entries:
        kinds, values, channels = (list(column) for column in zip(*entries, strict=True))
        lake.execute(
            "insert into lake.activation.suppressions (identifier_type, identifier, channel,"
            " reason, suppressed_at) select nullif(kind, ''), value, nullif(channel, ''), $reason,"
            " $at from (select unnest($kinds::varchar[]) as kind, unnest($values::varchar[]) as"
            " value, unnest($channels::varchar[]) as channel)",
            {"reason": reason, "at": at, "kinds": kinds, "values": values, "channels": channels},
        )


def _unreadable(one: SuppressionList, fault: str) -> SourceError:
    return SourceError(
        f"the suppression list '{one.name}' cannot be read: {fault}",
        allowed=f"a relation of the lake, or {identifier_rows.ALLOWED}",
        remedy="put it right, or remove it from consent/suppression_lists of policies.yml; until"
        " then nothing is added or updated anywhere, and people who opted out are removed",
    )
