"""A gate's verdict applies to a later snapshot while nothing that the gate reads has changed since
it passed.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

from expectations.record import GateVerdict
from segmentry import freshness, warehouse
from segmentry.settings import Settings

MARKS = "observability.gate_marks"
# Schemas whose relations a gate looks at. Audiences are always looked at again: they decide who
# gets a message.
READS = {"raw": ("raw", "staging"), "features": ("features",)}


def verdict(
    settings: Settings, gate: str, as_of: datetime | None, snapshot: int
) -> tuple[GateVerdict, int] | None:
    """The last verdict as one on this snapshot, and the snapshot it was found on; None where the
    gate must look.
    """
    if gate not in READS:
        return None
    with warehouse.connect(settings, read_only=True) as lake:
        if not warehouse.relation_exists(lake, MARKS):
            return None
        sql = f"select as_of, snapshot_id, evaluated, fingerprint from lake.{MARKS} where gate = ?"
        mark = lake.execute(sql, [gate]).fetchone()
    if mark is None or mark[0] != as_of or mark[3] != _fingerprint(settings):
        return None
    if any(freshness.is_changed(settings, mark[1], schema) for schema in READS[gate]):
        return None
    return GateVerdict(gate, as_of, snapshot, mark[2], []), mark[1]


def keep(settings: Settings, found: GateVerdict) -> None:
    """Remember a verdict without any failure; forget the gate's last one where there is a
    failure.
    """
    if found.gate not in READS:
        return
    with warehouse.connect(settings) as lake:
        columns = (
            "gate varchar, as_of timestamp, snapshot_id bigint, evaluated bigint, fingerprint"
            " varchar"
        )
        lake.execute(f"create table if not exists lake.{MARKS} ({columns})")
        lake.execute("begin")
        lake.execute(f"delete from lake.{MARKS} where gate = ?", [found.gate])
        if not found.failures and found.evaluated:
            values = [
                found.gate,
                found.as_of,
                found.snapshot,
                found.evaluated,
                _fingerprint(settings),
            ]
            lake.execute(f"insert into lake.{MARKS} values (?, ?, ?, ?, ?)", values)
        lake.execute("commit")


def _fingerprint(settings: Settings) -> str:
    digest = hashlib.sha256(freshness.fingerprint(settings).encode())
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
