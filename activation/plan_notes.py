"""What `sync plan` notes of a plan besides its numbers."""

from __future__ import annotations

from collections.abc import Sequence

from activation.opened import OpenSync
from activation.plan import SyncPlan
from segmentry import waiting, warehouse


def of(opened: OpenSync, plan: SyncPlan, missing: Sequence[str]) -> list[str]:
    """The notes. missing: settings of the connection that have no value."""
    notes = []
    if (fault := opened.list_fault) is not None:
        notes.append(f"nothing would be added or updated: {fault.received}")
    if count := _waiting(opened):
        notes.append(f"{count:,} refusal(s) that no run has built yet count already")
    notes += plan.notes
    return [*notes, f"set {', '.join(missing)} to send"] if missing else notes


def _waiting(opened: OpenSync) -> int:
    """Refusals that wait: those of an operator and of files, and those read back from tools."""
    if not warehouse.relation_exists(opened.lake, waiting.TABLE):
        return 0
    row = opened.lake.execute(
        f"select count(distinct consent_id) from lake.{waiting.TABLE}"
    ).fetchone()
    return int(row[0]) if row else 0
