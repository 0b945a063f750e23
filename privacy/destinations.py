"""Removes people from every destination that has rows of them, before the rows that name the place
vanish.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from activation import deleting, deletion_targets, stages
from activation.deleting import DeletionReport
from activation.deletion_targets import DeletedPeople, Target
from activation.ledger import tables as t
from activation.ledger.database import Ledger, exists
from privacy.record import Erasure
from privacy.search import ValueScan
from privacy.subjects import Subject
from segmentry import warehouse
from segmentry.errors import SegmentryError
from segmentry.settings import Settings
from segmentry.stages import RunContext

REASON = "erasure"
_COLUMNS = (
    "identifier_type varchar, identifier varchar, channel varchar, reason varchar, suppressed_at"
    " timestamp"
)


def remove(
    settings: Settings, subject: Subject, scan: ValueScan
) -> tuple[dict[str, int], list[str]]:
    """Suppress the people and send their withdrawals to all destinations, retired syncs too.

    Returns the rows that were there, by sync, and what is left: faults of destinations, and syncs
    that still have rows of the people.
    """
    before = rows_at(settings, subject, scan)
    if not before:
        return {}, []
    suppress(settings, subject)
    faults = []
    try:
        stages.withdrawals(RunContext(settings))
    except SegmentryError as error:
        faults.append(scan.matcher.cleaned(str(error)))
    left = rows_at(settings, subject, scan)
    faults += [
        f"{sync}: {rows:,} row(s) are still at the destination" for sync, rows in left.items()
    ]
    return {sync: rows - left.get(sync, 0) for sync, rows in before.items()}, faults


def rows_at(settings: Settings, subject: Subject, scan: ValueScan) -> dict[str, int]:
    """Rows of the people that each destination has or may have, by sync.

    A sync of the mode `delete` has sent removals and nothing else.
    """
    if not exists(settings):
        return {}
    table = t.destination_rows
    columns = (table.c.sync, table.c.profile_id, table.c.row_key, table.c.identity)
    found: dict[str, int] = {}
    profiles = set(subject.profiles)
    ledger = Ledger(settings)
    try:
        removals = _removals(ledger)
        with ledger.begin() as c:
            for sync, profile, key, identity in c.execute(sa.select(*columns)):
                is_theirs = profile in profiles or scan.count(f"{key}\n{identity}")
                if is_theirs and sync not in removals:
                    found[sync] = found.get(sync, 0) + 1
    finally:
        ledger.close()
    return found


def _removals(ledger: Ledger) -> set[str]:
    with ledger.begin() as c:
        rows = c.execute(sa.select(t.sync_configs.c.sync, t.sync_configs.c.content)).all()
    return {sync for sync, content in rows if '"mode": "delete"' in content}


def targets(settings: Settings, erasure: Erasure, scan: ValueScan) -> None:
    """Queue a deletion at every place ever written to, and keep with the erasure what it needs."""
    people = _people(erasure.subject, scan)
    found = deletion_targets.find(settings, erasure.name, people) if exists(settings) else []
    erasure.targets = [one.as_record() for one in found]
    if found:
        deleting.enqueue(settings, erasure.name, found)
    erasure.unplaced = deletion_targets.without_place(settings, people) if exists(settings) else []


def delete(settings: Settings, erasure: Erasure, scan: ValueScan) -> DeletionReport:
    """Ask for the deletions, and look whether they are at their end; syncs that still have rows of
    the people come later.
    """
    if not erasure.targets:
        return DeletionReport()
    found = [Target(**one) for one in erasure.targets]
    still = rows_at(settings, erasure.subject, scan)
    return deleting.carry_out(settings, erasure.name, found, without=still)


def _people(subject: Subject, scan: ValueScan) -> DeletedPeople:
    by_type: dict[str, list[str]] = {}
    for kind, value in subject.identifiers:
        by_type.setdefault(kind, []).append(value)
    return DeletedPeople(frozenset(subject.profiles), by_type, lambda text: scan.count(text) > 0)


def lift(settings: Settings, subject: Subject, others: Sequence[Subject]) -> None:
    """Take back what suppress did; the identifiers of other open erasures stay suppressed."""
    kept = {one for other in others for one in _named(other)}
    mine = [[kind, value, REASON] for kind, value in _named(subject) if (kind, value) not in kept]
    with warehouse.writing(settings), warehouse.connect(settings) as lake:
        if mine and warehouse.relation_exists(lake, "activation.suppressions"):
            lake.executemany(
                "delete from lake.activation.suppressions where identifier_type = ? and identifier"
                " = ? and reason = ?", mine
            )  # fmt: skip


def _named(subject: Subject) -> list[tuple[str, str]]:
    return [*subject.identifiers, *(("profile_id", one) for one in subject.profiles)]


def suppress(settings: Settings, subject: Subject) -> None:
    """Have no audience and no sync reach the people any more."""
    at = datetime.now(UTC).replace(tzinfo=None)
    named = _named(subject)
    with warehouse.writing(settings), warehouse.connect(settings) as lake:
        lake.execute(f"create table if not exists lake.activation.suppressions ({_COLUMNS})")
        known = set(
            lake.execute(
                "select identifier_type, identifier from lake.activation.suppressions"
                " where reason = ?", [REASON]
            ).fetchall()
        )  # fmt: skip
        rows = [
            [kind, value, "any", REASON, at] for kind, value in named if (kind, value) not in known
        ]
        if rows:
            lake.executemany(
                "insert into lake.activation.suppressions values (?, ?, ?, ?, ?)", rows
            )
