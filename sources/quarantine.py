"""Records that staging rejected: to look at them, to have them judged again, and to dismiss
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import duckdb
import orjson

from identity import resolution
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.operators import current_operator, stated_reason
from segmentry.settings import Settings
from sources import landing, staging

QUARANTINE = "staging.quarantine"
DISMISSALS = "observability.quarantine_dismissals"
DISMISSAL_COLUMNS = (
    "record_id varchar, source varchar, batch_id varchar, quarantine_reason varchar, reason"
    " varchar, dismissed_by varchar, dismissed_at timestamp"
)


@dataclass(frozen=True)
class Selection:
    """Which rejected records are meant: those that fit everything given. id: `BATCH:LINE`."""

    source: str | None = None
    reason: str | None = None
    batch: str | None = None
    id: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is given."""
        return not any((self.source, self.reason, self.batch, self.id))

    def where(self) -> tuple[str, list[str]]:
        """A predicate over staging.quarantine, and its parameters."""
        columns = {
            "_source": self.source,
            "reason": self.reason,
            "_batch_id": self.batch,
            "record_id": self.id,
        }
        given = {column: value for column, value in columns.items() if value}
        return " and ".join(["true", *(f"q.{column} = ?" for column in given)]), list(
            given.values()
        )


@dataclass(frozen=True)
class Replay:
    """What judging again made of the selected records."""

    selected: int
    accepted: int
    duplicates: int
    quarantined: int


def find(
    settings: Settings, selection: Selection, limit: int | None = None
) -> list[dict[str, Any]]:
    """Rejected records without their text, the newest batch first."""
    where, values = selection.where()
    with warehouse.connect(settings) as lake:
        _ensure(lake)
        most = "" if limit is None else f" limit {int(limit)}"
        return warehouse.records(
            lake,
            "select q.record_id as id, q._source as source, q._file as file, q._line as line,"
            f" q.reason, q.detail, d.record_id is not null as is_dismissed from lake.{QUARANTINE}"
            f" as q left join (select distinct record_id from lake.{DISMISSALS}) as d using"
            f" (record_id) where {where} order by q._loaded_at desc, q._batch_id, q._line{most}",
            values,
        )


def show(settings: Settings, record_id: str, *, with_values: bool = False) -> dict[str, Any]:
    """One rejected record; of its text the names of its fields, or all of it with_values."""
    found = find(settings, Selection(id=record_id), 1)
    if not found:
        raise UsageError(
            f"no record '{record_id}' is in quarantine",
            allowed="an id that `segmentry quarantine list` prints",
            remedy="list the records, and name one of them",
        )
    with warehouse.connect(settings, read_only=True) as lake:
        sql = f"select _raw from lake.{QUARANTINE} where record_id = ?"
        (raw,) = lake.execute(sql, [record_id]).fetchone() or ("",)
    return {**found[0], "record": raw if with_values else _outline(raw or "")}


def _outline(raw: str) -> str:
    """The shape of a record without any value."""
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError:
        fields = None
    if not isinstance(fields, dict):
        return f"{len(raw)} characters that are no JSON object"
    kinds = {dict: "object", list: "list", str: "text", bool: "boolean", type(None): "null"}
    return ", ".join(
        f"{name}: {kinds.get(type(value), 'number')}" for name, value in fields.items()
    )


def replay(settings: Settings, selection: Selection, tables: Sequence[str]) -> Replay:
    """Have the sources of the selected records judged again by today's rules; a second replay
    changes nothing.

    All records of such a source are judged, in the order in which they landed, so that the result
    is that of a lake built from the same files. Whatever depends on them follows at the next run.
    """
    chosen = _chosen(settings, selection, "replay")
    with warehouse.writing(settings):
        with warehouse.connect(settings) as lake:
            names = landing.tables_of(lake, {row["id"].rpartition(":")[0] for row in chosen})
            lake.execute("begin")
            staging.ask_again(lake, names)
            resolution.forget(lake)
            lake.execute("commit")
        staging.build(settings, tables)
        outcomes = _outcomes(settings, names, [row["id"] for row in chosen])
    return Replay(
        len(chosen), *(outcomes.get(name, 0) for name in ("accepted", "duplicate", "quarantined"))
    )


def _outcomes(settings: Settings, names: Sequence[str], ids: Sequence[str]) -> dict[str, int]:
    judged = " union all ".join(
        f"select record_id, outcome from lake.staging.base_{name}" for name in names
    )
    with warehouse.connect(settings, read_only=True) as lake:
        sql = (
            f"select outcome, count(*) from ({judged}) where list_contains(?, record_id) group by"
            " outcome"
        )
        return dict(lake.execute(sql, [list(ids)]).fetchall())


def dismiss(settings: Settings, selection: Selection, reason: str | None) -> int:
    """Record that the selected records need no more attention; returns how many were not dismissed
    before.

    They stay in quarantine and in the balance, and no longer count in the gate's share of rejected
    records.
    """
    why = stated_reason(reason, "the dismissal")
    chosen = [row for row in _chosen(settings, selection, "dismiss") if not row["is_dismissed"]]
    who = current_operator()
    stamp = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        [row["id"], row["source"], row["id"].rpartition(":")[0], row["reason"], why, who, stamp]
        for row in chosen
    ]
    if rows:
        with warehouse.writing(settings), warehouse.connect(settings) as lake:
            lake.execute("begin")
            lake.executemany(f"insert into lake.{DISMISSALS} values (?, ?, ?, ?, ?, ?, ?)", rows)
            lake.execute("commit")
    return len(rows)


def _chosen(settings: Settings, selection: Selection, verb: str) -> list[dict[str, Any]]:
    found = find(settings, selection)
    if not found:
        raise UsageError(
            f"no record in quarantine fits what was selected to {verb}",
            allowed="--source, --reason, --batch and ids that `segmentry quarantine list` prints",
            remedy="list the records first",
        )
    return found


def _ensure(lake: duckdb.DuckDBPyConnection) -> None:
    warehouse.require(lake, QUARANTINE, made_by="staging")
    if not warehouse.relation_exists(lake, DISMISSALS):
        lake.execute(f"create table if not exists lake.{DISMISSALS} ({DISMISSAL_COLUMNS})")
