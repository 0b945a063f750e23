"""From lines of the inbox to events: the rules of staging, run on the new lines alone."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from live import definition
from live.definition import Definition
from live.facts import FACTS, Facts
from live.state import WaitingEvent

ACCEPTED = "accepted"
BATCH = "live"  # instead of the id of a batch: an event that no batch has yet
_ROWS = "arrived_lines"


def stage(facts: Facts, found: Definition, lines: Sequence[WaitingEvent]) -> list[WaitingEvent]:
    """Judge lines as staging does; accepted ones that neither the lake nor an earlier line has are
    in the temporary table ``staged`` afterwards. Returns what waits for a batch: these, and records
    in quarantine that state a consent, because a refusal in one of them counts.

    lines: their event_id and outcome are not read.
    """
    connection = facts.connection
    connection.register(_ROWS, _table(lines))
    connection.execute(f"delete from lake.{definition.RAW}")
    connection.execute(f"insert into lake.{definition.RAW} by name select * from {_ROWS}")
    connection.unregister(_ROWS)
    # The statement is long and its rows are few: planning it well takes longer than it saves.
    connection.execute("pragma disable_optimizer")
    try:
        connection.execute(f"create or replace temp table judged as {found.staging}")
    finally:
        connection.execute("pragma enable_optimizer")
    events = f"{FACTS}.{definition.EVENTS}"
    connection.execute(f"""
        create or replace temp table staged as
        from judged
        where outcome = '{ACCEPTED}' and event_id not in (select event_id from {events})
    """)
    kept = connection.execute("""
        select _line, event_id, outcome from staged
        union all
        select _line, 'quarantined:' || md5(_raw), outcome from judged
        where outcome = 'quarantined' and consent is not null
        order by 1
    """).fetchall()
    return [
        lines[line]._replace(event_id=event_id, outcome=outcome) for line, event_id, outcome in kept
    ]


def _table(lines: Sequence[WaitingEvent]) -> pa.Table:
    count = len(lines)
    return pa.table({
        "_source": pa.array(["events"] * count, pa.string()),
        "_file": pa.array([line.file for line in lines], pa.string()),
        "_line": pa.array(range(count), pa.int64()),
        "_loaded_at": pa.array([line.loaded_at for line in lines], pa.timestamp("us")),
        "_batch_id": pa.array([BATCH] * count, pa.string()),
        "_raw": pa.array([line.line for line in lines], pa.string()),
        "_problem": pa.array([None] * count, pa.string()),
    })  # fmt: skip
