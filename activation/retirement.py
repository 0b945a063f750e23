"""Orphaned syncs, whose rows are at a destination without an enabled file, and the end of a
sync. ``sync status``, ``sync retire``, ``doctor`` and the stage ``sync`` call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from activation import moving, renaming
from activation.desk import Desk, desk_of, recorded, report
from activation.ledger import database, deployed, destination_rows, runs
from activation.ledger.database import Ledger
from activation.ledger.deployed import FORMER, DeployedSync
from activation.opened import SyncPlace, open_sync
from segmentry import sync_files
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings
from segmentry.stages import StageReport
from segmentry.sync_config import SyncConfig

MOVED = "its sync goes on at another place"
DELETED = "its file is deleted"
DISABLED = "its file is disabled"
RETIRED = "retired"


@dataclass(frozen=True)
class Orphan:
    """A sync that is not run any more and has rows at a destination. rows: how many it may have.
    destination: empty where nothing states it.
    """

    name: str
    why: str
    destination: str
    rows: int

    @property
    def warning(self) -> str:
        """What is the case, and what to do."""
        return (
            f"{self.name} is orphaned: {self.why}, and {self.rows:,} row(s) are still at"
            f" {self.destination or 'its destination'}. Opt-outs are removed there, nobody else is:"
            f" run `segmentry sync retire {self.name}`{self._or_else}"
        )

    @property
    def _or_else(self) -> str:
        return "" if self.why == MOVED else ", or enable it again"


def orphans(settings: Settings) -> list[Orphan]:
    """Every orphaned sync, by name. A file that is invalid is a fault of its own and no orphan."""
    if not database.exists(settings):
        return []
    fitting, faults = sync_files.load_each(settings)
    ledger = Ledger(settings)
    try:
        for sync in fitting.values():
            renaming.settle(ledger, sync)
        return [
            found
            for name in deployed.with_rows(ledger)
            if name not in faults and (found := _orphan(ledger, name, fitting)) is not None
        ]
    finally:
        ledger.close()


def _orphan(ledger: Ledger, name: str, files: Mapping[str, SyncConfig]) -> Orphan | None:
    file = files.get(name)
    if file is not None and file.is_enabled:
        return None
    known = deployed.of(ledger, name)
    sent_with = known.sync if known is not None else file
    return Orphan(
        name,
        MOVED if FORMER in name else DELETED if file is None else DISABLED,
        sent_with.destination if sent_with is not None else "",
        destination_rows.count(ledger, name),
    )


def orphan_named(settings: Settings, name: str) -> Orphan:
    """The orphaned sync of that name, or UsageError that states what the sync is instead."""
    found = {one.name: one for one in orphans(settings)}
    if name in found:
        return found[name]
    fitting, faults = sync_files.load_each(settings)
    if name in fitting and fitting[name].is_enabled:
        raise UsageError(
            f"the sync '{name}' is enabled, and the next run would send its rows again",
            allowed="a sync whose file is deleted or has `enabled: false`",
            remedy=f"set `enabled: false` in {fitting[name].path.name} first",
        )
    if name in faults:
        raise UsageError(
            f"the file of the sync '{name}' is invalid",
            allowed="a sync whose file is deleted or has `enabled: false`",
            remedy=f"correct the file or delete it: {faults[name].received}",
        )
    raise UsageError(
        f"no destination has rows of a sync '{name}'",
        allowed=", ".join(sorted(found)) or "an orphaned sync; there is none",
        remedy="`segmentry sync status` lists the orphaned syncs",
    )


def retire(settings: Settings, name: str) -> StageReport:
    """Remove every row of an orphaned sync from where it was sent, and close the sync.

    The configuration that the rows were sent with names the place. A row that the destination does
    not let go stays in the ledger, and the sync stays orphaned: run it again.
    """
    orphan_named(settings, name)
    with open_sync(settings, name) as opened, desk_of(opened) as desk:
        with recorded(desk) as outcome:
            outcome["status"] = _retired(desk, settings)
        return report(desk.run, outcome["status"])


def _retired(desk: Desk, settings: Settings) -> str:
    name = desk.run.sync
    place = _place_of_rows(desk, settings)
    if place is not None and (left := moving.empty(desk, place)):
        desk.run.notes.append(
            f"{left:,} row(s) are still at the destination: run the command again"
        )
        return "partial"
    if place is None:
        desk.run.notes.append("its rows were sent to simulated tools, which have ended")
    deployed.forget(desk.ledger, name)
    runs.keep_state(desk.ledger, name, config_hash=None, fingerprint=None)
    runs.close_reviews(desk.ledger, name, RETIRED)
    return RETIRED


def _place_of_rows(desk: Desk, settings: Settings) -> SyncPlace | None:
    """Where the rows are; None where that was simulated and has ended."""
    name = desk.run.sync
    known = desk.known
    if known is None and (file := sync_files.load_each(settings)[0].get(name)) is not None:
        known = DeployedSync(file, None)
    if known is None:
        raise SegmentryError(
            f"{name}: neither a file nor the ledger states where its rows are",
            allowed="a sync whose configuration is known",
            remedy=f"put config/syncs/{name}.yml back, with `enabled: false`",
        )
    place = moving.former_place(desk.opened, known)
    if place is None and not moving.recorded_place(desk.opened, known).is_simulated:
        rows = destination_rows.count(desk.ledger, name)
        raise moving.unreachable(known, f"{rows:,} row(s) are at the destination")
    return place
