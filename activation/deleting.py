"""Asks destinations to delete people, and proves that they did.

A deletion that is asked for twice is one: people who are not there count as deleted. So a run that
was killed goes on, and what is confirmed is not asked for again.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from activation import deletion, moving, refusals
from activation.client import RequestRefused
from activation.deletion import Deletion, Receipt
from activation.deletion_targets import Target
from activation.destination import MALFORMED, DestinationSession
from activation.ledger import deletions as queue
from activation.ledger import runs, written_places
from activation.ledger.database import Ledger, exists, now
from activation.ledger.deletions import DeletionStatus
from activation.ledger.deployed import DeployedSync
from activation.ledger.written_places import Written
from activation.model import Batch
from activation.opened import OpenSync, SyncPlace, open_sync
from activation.redact import clean
from segmentry.errors import SegmentryError, UsageError
from segmentry.settings import Settings

AGAIN_AFTER = timedelta(days=2)  # a tool that still has the person is asked once more
NOT_THERE = "not there"
ENDED = "went to simulated tools, which have ended"


@dataclass
class DeletionReport:
    """How far the deletions of an erasure are. confirmed: by sync; waiting: what is asked for and
    not proved; left: what is not even asked for, with the reason.
    """

    confirmed: dict[str, int] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Work:
    """The open deletions of one place."""

    ledger: Ledger
    written: Written
    way: Deletion
    open: dict[str, Target]
    states: dict[str, dict[str, Any]]

    def of(self, *statuses: DeletionStatus) -> list[Target]:
        return [
            target
            for name, target in sorted(self.open.items())
            if self.states[name]["status"] in statuses
        ]

    def record(
        self,
        targets: Collection[Target],
        status: DeletionStatus,
        receipt: str | None = None,
        job: str | None = None,
    ) -> None:
        ids = [target.deletion_id for target in targets]
        queue.record(self.ledger, ids, status, receipt, job)
        for name in ids:
            state = self.states[name]
            state["status"] = status
            state["job"] = state["job"] if job is None else job


def enqueue(settings: Settings, erasure: str, targets: Sequence[Target]) -> int:
    """Queue the deletions; those that are queued stay as they are."""
    ledger = Ledger(settings)
    names = ("deletion_id", "sync", "destination", "person")
    try:
        return queue.queue(
            ledger, erasure, [{n: getattr(target, n) for n in names} for target in targets]
        )
    finally:
        ledger.close()


def carry_out(
    settings: Settings, erasure: str, targets: Sequence[Target], *, without: Collection[str] = ()
) -> DeletionReport:
    """Ask for every deletion that is not confirmed, and look whether those that were asked for are
    at their end. without: syncs that still have rows of the people, which are removed first.
    """
    report = DeletionReport()
    ledger = Ledger(settings)
    try:
        states = {one["deletion_id"]: one for one in queue.of(ledger, erasure)}
        by_place: dict[str, list[Target]] = defaultdict(list)
        for target in targets:
            by_place[target.place_id].append(target)
        for written in written_places.of(ledger):
            mine = by_place.pop(written.place_id, [])
            open_ones = {
                one.deletion_id: one
                for one in mine
                if states[one.deletion_id]["status"] != DeletionStatus.confirmed
            }
            if open_ones and written.name not in without:
                way = deletion.of(written.sync.destination)
                work = _Work(ledger, written, way, open_ones, states)
                _settle(settings, work, report)
            done = sum(states[o.deletion_id]["status"] == DeletionStatus.confirmed for o in mine)
            if done:
                report.confirmed[written.name] = report.confirmed.get(written.name, 0) + done
        report.left += [f"{one[0].sync}: its place is not recorded" for one in by_place.values()]
    finally:
        ledger.close()
    return report


def confirm(settings: Settings, erasure: str, sync: str, receipt: str) -> int:
    """Record an operator's receipt for the open deletions of a sync; returns how many."""
    ledger = Ledger(settings)
    try:
        known = queue.of(ledger, erasure)
        open_ones = [one for one in known if one["status"] != DeletionStatus.confirmed]
        mine = [one["deletion_id"] for one in open_ones if one["sync"] == sync]
        if not mine:
            raise UsageError(
                f"the erasure has no open deletion of a sync '{sync}'",
                allowed=", ".join(sorted({one["sync"] for one in open_ones})) or "none is open",
                remedy="`segmentry privacy status` lists them",
            )
        queue.record(ledger, mine, DeletionStatus.confirmed, f"by an operator: {clean(receipt)}")
    finally:
        ledger.close()
    return len(mine)


def receipts(settings: Settings, erasure: str) -> list[dict[str, Any]]:
    """The deletions of an erasure with their receipts, for its certificate and for status."""
    ledger = Ledger(settings)
    names = ("deletion_id", "sync", "destination", "person", "status", "receipt", "attempts")
    times = ("queued_at", "requested_at", "confirmed_at")
    try:
        return [
            {**{n: one[n] for n in names}, **{n: str(one[n]) if one[n] else None for n in times}}
            for one in queue.of(ledger, erasure)
        ]
    finally:
        ledger.close()


def _settle(settings: Settings, work: _Work, report: DeletionReport) -> None:
    """Bring the deletions of one place as far as they come; a fault is the place's own."""
    written = work.written
    name = written.name
    try:
        with open_sync(settings, name) as opened, runs.lease(opened.ledger, name):
            place = _place(opened, work, report)
            if place is not None:
                with place.session("erasure") as session:
                    _ask(work, session)
                    _prove(work, session)
    except RequestRefused as refusal:
        report.left.append(f"{name}: refused with {refusals.read(refusal)}")
    except SegmentryError as error:
        report.left.append(f"{name}: {error.received}")
    except MALFORMED as error:
        report.left.append(f"{name}: the answer could not be read: {type(error).__name__}")
    else:
        _count(work, report)


def _count(work: _Work, report: DeletionReport) -> None:
    name = work.written.name
    if refused := work.of(DeletionStatus.refused):
        report.left.append(f"{name}: {len(refused):,} deletion(s) were refused")
    if waiting := work.of(DeletionStatus.requested):
        report.waiting.append(f"{name}: {len(waiting):,} deletion(s) are not at their end yet")


def _place(opened: OpenSync, work: _Work, report: DeletionReport) -> SyncPlace | None:
    """The place by a connection that reaches it; None where there is nothing to call."""
    written = work.written
    known = DeployedSync(written.sync, None, written.place)
    place = moving.former_place(opened, known)
    if place is None:
        if moving.recorded_place(opened, known).is_simulated:
            work.record(list(work.open.values()), DeletionStatus.confirmed, ENDED)
            return None
        raise moving.unreachable(known, f"{len(work.open):,} deletion(s) are due")
    missing = [one for one in work.way.needs if one not in place.values]
    if work.way.is_by_hand or missing:
        set_up = f", or set connection/{', connection/'.join(missing)}" if missing else ""
        report.waiting.append(
            f"{written.name}: {len(work.open):,} deletion(s) at {written.sync.destination} have to"
            f" be made by hand and then confirmed with `segmentry privacy confirm`{set_up}"
        )
        return None
    return place


def _ask(work: _Work, session: DestinationSession) -> None:
    wanted = work.of(DeletionStatus.queued, DeletionStatus.refused)
    wanted += [one for one in work.of(DeletionStatus.requested) if _is_overlong(work, one)]
    there = _present(work, session, wanted)
    absent = [one for one in wanted if there is not None and one.identity not in there]
    work.record(absent, DeletionStatus.confirmed, NOT_THERE)
    asked = [one for one in wanted if there is None or one.identity in there]
    for start in range(0, len(asked), work.way.batch_rows):
        _request(work, session, asked[start : start + work.way.batch_rows])


def _is_overlong(work: _Work, target: Target) -> bool:
    """Whether a tool has taken the request so long ago that it may have lost it."""
    asked_at = work.states[target.deletion_id]["requested_at"]
    return asked_at is not None and now() - asked_at > AGAIN_AFTER


def _request(work: _Work, session: DestinationSession, targets: Sequence[Target]) -> None:
    rows = [target.as_row() for target in targets]
    # The same for the same people, however often they are asked for.
    named = ",".join(target.deletion_id for target in targets)
    batch = Batch(hashlib.sha256(named.encode()).hexdigest()[:24], rows)
    try:
        receipts_of = work.way.request(session, batch)
    except RequestRefused as refusal:
        if len(targets) == 1:
            work.record(targets, DeletionStatus.refused, clean(str(refusals.read(refusal))))
            return
        for target in targets:
            _request(work, session, [target])
        return
    for target, receipt in zip(targets, receipts_of, strict=True):
        status = DeletionStatus.refused if receipt.is_refused else DeletionStatus.requested
        work.record([target], status, _text(receipt, target), receipt.job)


def _text(receipt: Receipt, target: Target) -> str:
    """The receipt; nothing of it where it quotes the person."""
    low = receipt.text.lower()
    quoted = [one for one in (target.identity, target.profile_id) if one and one.lower() in low]
    return "taken" if quoted or "@" in low else receipt.text[:400]


def _prove(work: _Work, session: DestinationSession) -> None:
    requested = work.of(DeletionStatus.requested)
    there = _present(work, session, requested)
    ended: dict[str, bool] = {}
    for target in requested:
        job = work.states[target.deletion_id]["job"]
        if job and job not in ended:
            ended[job] = work.way.is_finished(session, job)
    proved = [
        one
        for one in requested
        if (there is None or one.identity not in there)
        and ended.get(work.states[one.deletion_id]["job"], True)
    ]
    work.record(proved, DeletionStatus.confirmed)


def _present(
    work: _Work, session: DestinationSession, targets: Sequence[Target]
) -> set[str] | None:
    if not targets:
        return set()
    return work.way.present(session, [target.as_row() for target in targets])


def open_places(states: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str, int]]:
    """(sync, status, how many) of deletions that are not confirmed."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for one in states:
        if one["status"] != DeletionStatus.confirmed:
            counts[one["sync"], one["status"]] += 1
    for (sync, status), number in sorted(counts.items()):
        yield sync, status, number


def cancel(settings: Settings, erasure: str) -> None:
    """Forget the queue of an erasure that was cancelled before anything was asked for."""
    if not exists(settings):
        return
    ledger = Ledger(settings)
    try:
        queue.drop(ledger, erasure)
    finally:
        ledger.close()
