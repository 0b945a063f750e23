"""Runs of syncs in the ledger: who is at work, what was planned and done, what a guardrail
stopped.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from activation.ledger import tables as t
from activation.ledger.database import Ledger, now
from activation.model import AllSent, RowOutcome, Status
from activation.row_table import RowTable
from segmentry.errors import SegmentryError

# A lease is renewed with every batch; past this many seconds without one its holder is taken for
# dead.
LEASE_SECONDS = 900.0
RENEW_SECONDS = 5.0  # a lease is renewed no more often: that is a write for each batch


@dataclass
class Run:
    """Counts of one run as it goes on. withdrawn: of the rows removed, those of people who opted
    out.
    """

    sync: str
    holder: str = ""
    run_id: str = field(default_factory=lambda: f"run_{uuid.uuid4().hex[:20]}")
    started_at: datetime = field(default_factory=now)
    as_of: datetime | None = None
    lake_snapshot: int | None = None
    planned: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    withdrawn: int = 0
    requests: int = 0
    notes: list[str] = field(default_factory=list)
    renew_from: float = 0.0

    def count(self, outcomes: Sequence[RowOutcome]) -> None:
        """Add the outcomes of a request."""
        if isinstance(outcomes, AllSent) and isinstance(outcomes.rows, RowTable):
            self.sent.update(operation._value_ for operation in outcomes.rows.operations)
            return
        # Of texts, as the hash of a member of an enumeration takes longer than all else here.
        counts = Counter(
            (outcome.status._value_, outcome.row.operation._value_) for outcome in outcomes
        )
        for (status, operation), count in counts.items():
            if status == Status.sent:
                self.sent[operation] += count
            else:
                self.failed[status] += count

    def values(self, status: str) -> dict[str, Any]:
        """The run as a row of the ledger."""
        operations = ("add", "update", "remove")
        return {
            "run_id": self.run_id,
            "sync": self.sync,
            "status": status,
            "as_of": self.as_of,
            "lake_snapshot": self.lake_snapshot,
            **{f"planned_{name}": self.planned[name] for name in operations},
            **{f"sent_{name}": self.sent[name] for name in operations},
            **{name: self.failed[name] for name in ("invalid", "rejected", "retry", "blocked")},
            "requests": self.requests,
            "started_at": self.started_at,
            "finished_at": None if status == "running" else now(),
            "note": "; ".join(self.notes),
        }


def save(ledger: Ledger, run: Run, status: str) -> None:
    """Write the run with its present numbers."""
    with ledger.begin() as c:
        ledger.upsert(c, t.sync_runs, [run.values(status)])


def close_abandoned(ledger: Ledger, sync: str) -> None:
    """Runs that a kill left 'running' become 'killed'. Call it under the lease."""
    table = t.sync_runs
    with ledger.begin() as c:
        open_runs = table.c.sync == sync, table.c.status == "running"
        c.execute(sa.update(table).where(*open_runs).values(status="killed", finished_at=now()))


def last_runs(ledger: Ledger) -> list[dict[str, Any]]:
    """The newest run of each sync."""
    table = t.sync_runs
    with ledger.begin() as c:
        rows = c.execute(sa.select(table).order_by(table.c.started_at)).mappings().all()
    newest = {row["sync"]: dict(row) for row in rows}
    return [newest[name] for name in sorted(newest)]


# The state of a sync that has never come to an end.
NO_STATE: Mapping[str, Any] = {"config_hash": None, "fingerprint": None}


def state(ledger: Ledger, sync: str) -> dict[str, Any]:
    """What was last brought to its end: config_hash and fingerprint, None where nothing was."""
    with ledger.begin() as c:
        row = (
            c.execute(sa.select(t.sync_states).where(t.sync_states.c.sync == sync))
            .mappings()
            .first()
        )
    return dict(row or NO_STATE)


def keep_state(ledger: Ledger, sync: str, **values: Any) -> None:
    """Set parts of a sync's state."""
    with ledger.begin() as c:
        c.execute(sa.update(t.sync_states).where(t.sync_states.c.sync == sync).values(**values))


def measure(ledger: Ledger, sync: str, name: str) -> float | None:
    """A number of the sync's last run that went through; None if there is none."""
    m = t.sync_measures.c
    with ledger.begin() as c:
        return c.execute(
            sa.select(m.value).where(m.sync == sync, m.name == name)
        ).scalar_one_or_none()


def keep_measure(ledger: Ledger, sync: str, name: str, value: float) -> None:
    """Keep a number for the next run to compare with."""
    with ledger.begin() as c:
        ledger.upsert(c, t.sync_measures, [{"sync": sync, "name": name, "value": value}])


@contextmanager
def lease(ledger: Ledger, sync: str) -> Iterator[str]:
    """Reserve the sync for this process: two processes at once could send twice. Returns the
    holder's name.
    """
    pid = os.getpid()
    holder = f"{socket.gethostname()}:{pid}:{_started(pid)}:{uuid.uuid4().hex[:8]}"
    _take(ledger, sync, holder)
    try:
        yield holder
    finally:
        with ledger.begin() as c:
            mine = t.sync_states.c.sync == sync, t.sync_states.c.lease_holder == holder
            c.execute(
                sa.update(t.sync_states).where(*mine).values(lease_holder=None, lease_until=None)
            )


def renew(ledger: Ledger, run: Run) -> None:
    """Push the end of the lease out; raise where another process has taken the sync over."""
    if time.monotonic() < run.renew_from:
        return
    run.renew_from = time.monotonic() + RENEW_SECONDS
    table = t.sync_states
    mine = table.c.sync == run.sync, table.c.lease_holder == run.holder
    with ledger.begin() as c:
        kept = c.execute(
            sa.update(table).where(*mine).values(lease_until=time.time() + LEASE_SECONDS)
        ).rowcount
    if not kept:
        raise _taken(run.sync)


def _taken(sync: str) -> SegmentryError:
    return SegmentryError(
        f"the sync '{sync}' is being run by another process",
        allowed="one run of a sync at a time",
        remedy="wait until that run has ended, then run this one again",
    )


def _take(ledger: Ledger, sync: str, holder: str) -> None:
    with ledger.begin() as c:
        row = c.execute(
            sa.select(t.sync_states).where(t.sync_states.c.sync == sync).with_for_update()
        ).first()
        if row is not None and row.lease_holder and _is_alive(row.lease_holder, row.lease_until):
            raise _taken(sync)
        values = {"lease_holder": holder, "lease_until": time.time() + LEASE_SECONDS}
        if row is None:
            c.execute(sa.insert(t.sync_states).values(sync=sync, **values))
        else:
            c.execute(sa.update(t.sync_states).where(t.sync_states.c.sync == sync).values(**values))


def is_taken(connection: sa.Connection, sync: str) -> bool:
    """Whether a process runs the sync."""
    row = connection.execute(
        sa.select(t.sync_states).where(t.sync_states.c.sync == sync).with_for_update()
    ).first()
    return bool(
        row is not None and row.lease_holder and _is_alive(row.lease_holder, row.lease_until)
    )


def _is_alive(holder: str, until: float) -> bool:
    """Whether the process runs, on this machine; on another machine, whether its lease is valid."""
    host, pid, started, _ = holder.split(":")
    if host != socket.gethostname():
        return until > time.time()
    return _started(int(pid)) == started


def _started(pid: int) -> str:
    """When the process began, to distinguish it from a later one with the same number; '' if
    it does not exist.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""


def raise_review(ledger: Ledger, run: Run, guardrail: str, detail: str) -> str:
    """Write down what a guardrail stopped; return the word that releases it."""
    word = f"{run.sync}.{guardrail}"
    stopped = {
        "sync": run.sync,
        "run_id": run.run_id,
        "guardrail": guardrail,
        "detail": detail,
        "release": word,
    }
    with ledger.begin() as c:
        table = t.reviews
        earlier = table.c.sync == run.sync, table.c.guardrail == guardrail, table.c.state == "open"
        c.execute(sa.update(table).where(*earlier).values(state="repeated"))
        ledger.upsert(c, table, [{**stopped, "state": "open", "raised_at": now()}])
    return word


def close_reviews(ledger: Ledger, sync: str, state_word: str) -> None:
    """Close what is open for a sync, as when its run went through."""
    table = t.reviews
    with ledger.begin() as c:
        c.execute(
            sa.update(table)
            .where(table.c.sync == sync, table.c.state == "open")
            .values(state=state_word)
        )


def open_reviews(ledger: Ledger) -> list[dict[str, Any]]:
    """Reviews that wait for an operator."""
    table = t.reviews
    with ledger.begin() as c:
        rows = c.execute(
            sa.select(table)
            .where(table.c.state == "open")
            .order_by(table.c.sync, table.c.guardrail)
        )
        return [dict(row) for row in rows.mappings()]
