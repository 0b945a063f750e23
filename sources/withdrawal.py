"""Withdraws a landed batch: its records leave raw, and at the next run all that followed from
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb

from identity import resolution
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.operators import current_operator, stated_reason
from segmentry.settings import Settings
from sources import landing, refusals, staging

TRACE = "observability.withdrawn_batches"
TRACE_COLUMNS = (
    "source varchar, batch_id varchar, file varchar, records bigint, kept_refusals bigint, reason"
    " varchar, withdrawn_by varchar, withdrawn_at timestamp"
)
_NEWEST = 10
# Records that are an opt-out and nothing else, by source, over `record`, the landed JSON: they stay
# where they are. An unclear record is one. What else opts out is landed again as records of its own
# (sources/refusals.py).
_REFUSALS = {
    "consents": (
        "coalesce(record ->> 'consent_string', '') = '' and regexp_replace(lower(coalesce(record"
        " ->> 'status', '')), '[^a-z]', '', 'g') not in ('', 'granted')"
    ),
    "email_events": (
        "regexp_matches(lower(coalesce(record ->> 'event_type', '')), 'unsub|spam|compl|opt.?out')"
    ),
}


@dataclass(frozen=True)
class Withdrawal:
    """What was withdrawn. records: those that left; kept_refusals: opt-outs of the batch that stay
    in force.
    """

    source: str
    batch_id: str
    file: str
    records: int
    kept_refusals: int


def withdraw(
    settings: Settings, batch: str, reason: str | None, *, with_refusals: bool = False
) -> Withdrawal:
    """Remove a batch from raw and have its source judged again; all layers follow at the next run.

    Its opt-outs stay, unless with_refusals: records that are nothing else as they are, those that
    events and consent strings state as new records of `consents`, without the rest of them. The
    load stays known as withdrawn, so its file does not land again unasked. Raises UsageError for a
    batch that is not landed, naming the newest ones.
    """
    why = stated_reason(reason, f"the withdrawal of the batch '{batch}'")
    with (
        warehouse.writing(settings),
        landing.one_at_a_time(settings),
        warehouse.connect(settings) as lake,
    ):
        source, batch_id, file = _landed(lake, batch)
        if not warehouse.relation_exists(lake, TRACE):
            lake.execute(f"create table if not exists lake.{TRACE} ({TRACE_COLUMNS})")
        (table,) = landing.tables_of(lake, [batch_id]) or [source]
        kept = "false" if with_refusals else _is_refusal(table)
        # Landed before anything is removed: a withdrawal that is killed here and repeated loses no
        # opt-out.
        stated = 0 if with_refusals else refusals.keep(lake, table, batch_id)
        lake.execute("begin")
        records = _count(lake, table, batch_id, f"not ({kept})")
        left = _count(lake, table, batch_id, kept)
        lake.execute(
            f'delete from lake.raw."{table}" where _batch_id = ? and not ({kept})', [batch_id]
        )
        lake.execute(
            f"update lake.{landing.LOADS} set records = ?, problem = ? where source = ? and"
            " batch_id = ?",
            [left, f"{landing.WITHDRAWN}: {why}", source, batch_id],
        )
        stamp = datetime.now(UTC).replace(tzinfo=None)
        trace = [source, batch_id, file, records, left + stated, why, current_operator(), stamp]
        lake.execute(f"insert into lake.{TRACE} values (?, ?, ?, ?, ?, ?, ?, ?)", trace)
        staging.ask_again(lake, [table])
        resolution.forget(lake)
        lake.execute("commit")
    return Withdrawal(source, batch_id, file, records, left + stated)


def _is_refusal(table: str) -> str:
    condition = _REFUSALS.get(table)
    if condition is None:
        return "false"
    read = condition.replace("record", "cast(_raw as json)")
    return f"case when json_valid(_raw) then coalesce({read}, false) else false end"


def _count(lake: duckdb.DuckDBPyConnection, table: str, batch_id: str, condition: str) -> int:
    sql = f'select count(*) from lake.raw."{table}" where _batch_id = ? and {condition}'
    return int((lake.execute(sql, [batch_id]).fetchone() or (0,))[0])


def _landed(lake: duckdb.DuckDBPyConnection, batch: str) -> tuple[str, str, str]:
    rows = lake.execute(
        f"select source, batch_id, file from lake.{landing.LOADS} where batch_id = ? and"
        " coalesce(records, 0) > 0",
        [batch],
    ).fetchall()
    if rows:
        return rows[0][0], rows[0][1], rows[0][2]
    newest = lake.execute(
        f"select batch_id, source from lake.{landing.LOADS} where records > 0 order by loaded_at"
        f" desc limit {_NEWEST}"
    ).fetchall()
    raise UsageError(
        f"there is no landed batch '{batch}'",
        allowed=", ".join(f"{name} ({source})" for name, source in newest)
        or "a batch; nothing is landed yet",
        remedy="name one of these, or see `segmentry sources show SOURCE`",
    )
