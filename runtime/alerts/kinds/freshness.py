"""A source whose newest record is too far behind the run's clock, and a home in which nothing has
landed for too long.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from runtime.alerts.evidence import Evidence, IncidentKind
from runtime.alerts.model import CRITICAL, WARNING, AlertFinding

RELATION = "observability.source_freshness"
ALL = "all sources"
_SQL = f"select source, hours_behind, last_landed_at from lake.{RELATION} order by source"


def _find(evidence: Evidence) -> Iterator[AlertFinding]:
    rows = evidence.rows(RELATION, _SQL)
    for row in rows:
        most = evidence.limits.freshness.get(row["source"])
        behind = row["hours_behind"]
        # A source that never had a record is not in use.
        if most is None or behind is None or behind <= most:
            continue
        yield AlertFinding(
            row["source"],
            WARNING,
            f"the newest record of the source '{row['source']}' is {behind:,} hours behind the"
            f" run's clock, at most {most:,g} are allowed",
            f"see what delivers '{row['source']}', then run `segmentry load {row['source']}`; the"
            " limit is `freshness` in config/alerts.yml",
        )
    yield from _nothing(evidence, [row["last_landed_at"] for row in rows if row["last_landed_at"]])


def _nothing(evidence: Evidence, landed: list[datetime]) -> Iterator[AlertFinding]:
    # By the wall clock: when nothing lands, the run's clock does not move and shows no delay.
    most = evidence.limits.landed_hours
    if most is None or not landed or evidence.now - max(landed) <= timedelta(hours=most):
        return
    yield AlertFinding(
        ALL,
        CRITICAL,
        f"no source has landed a record since {max(landed):%Y-%m-%d %H:%M} UTC, at most {most:,g}"
        " hours are allowed",
        "see whether the DAG `ingest` runs and whether files arrive in the inbox, then run"
        " `segmentry load`; the limit is `landed_hours` in config/alerts.yml",
    )


KIND = IncidentKind("freshness missed", _find)
