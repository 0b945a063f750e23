"""A sync with more dead letters than are allowed to wait."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from activation.ledger import tables as t
from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import WARNING, AlertFinding


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    d = t.dead_letters.c
    counted = sa.func.count()
    query = sa.select(d.sync, counted.label("waiting"), sa.func.min(d.first_at).label("since"))
    for row in evidence.ledger_rows(query.group_by(d.sync).order_by(d.sync)):
        most = evidence.limits.dead_letters
        if row["waiting"] <= most:
            continue
        yield AlertFinding(
            row["sync"],
            WARNING,
            f"{row['waiting']:,} dead letters of the sync '{row['sync']}' wait, at most {most:,}"
            f" may; the oldest since {row['since']:%Y-%m-%d %H:%M} UTC",
            "see `segmentry sync status`, correct the cause, and run `segmentry sync retry"
            f" --select {row['sync']}`",
        )


KIND = IncidentKind("dead letters", _find)
