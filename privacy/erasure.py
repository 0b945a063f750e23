"""Erases people from a home: one step for each kind of store, each safe to repeat."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from activation import deleting
from identity import resolution
from privacy import (
    catalog,
    databases,
    destinations,
    files,
    lake,
    models,
    record,
    search,
    texts,
    waiting,
)
from privacy.record import Erasure
from privacy.search import ValueScan
from privacy.subjects import Subject, find, tombstones_of
from privacy.values import Matcher
from segmentry import stages, tombstones, warehouse
from segmentry.errors import UsageError
from segmentry.files_lock import files_kept
from segmentry.job_lock import only_one
from segmentry.settings import Settings
from sources import landing

# Folders under the home whose files are records: of sources, and of syncs.
_RECORDS = ("inbox", "outbox")


@dataclass(frozen=True)
class Work:
    """What a step is given."""

    settings: Settings
    erasure: Erasure
    scan: ValueScan

    @property
    def subject(self) -> Subject:
        """Who is erased."""
        return self.erasure.subject


# What a step changed, and what it had to leave.
Outcome = tuple[dict[str, Any], list[str]]


@dataclass(frozen=True)
class ErasureReport:
    """How an erasure ended. certificate: where it is, if nothing is left."""

    erasure: Erasure
    seconds: float
    certificate: Path | None = None


def plan(settings: Settings, asked: Sequence[str]) -> tuple[Subject, dict[str, Any]]:
    """Who would be erased, and how much of them is where; without an identifier."""
    if not asked:
        raise UsageError(
            "nobody is named",
            allowed="type:value, a profile_id, or --file FILE with one of them a line",
            remedy="name who is to be forgotten",
        )
    with warehouse.connect(settings) as connection:
        subject = find(connection, asked)
        profiles = list(subject.profiles)
        counts = {
            f"rows of {relation}": _rows(connection, relation, profiles)
            for relation in ("marts.events", "marts.orders", "segments.segment_memberships")
        }
    at = destinations.rows_at(settings, subject, _scan(subject))
    return subject, {
        "requests": len(asked),
        "profiles, current and former": len(profiles),
        **{f"identifiers of type {kind}": count for kind, count in subject.types.items()},
        **counts,
        **{f"rows at the destination of {sync}": rows for sync, rows in at.items()},
    }


def _rows(connection: Any, relation: str, profiles: Sequence[str]) -> int:
    if not warehouse.relation_exists(connection, relation):
        return 0
    row = connection.execute(
        f"select count(*) from lake.{relation} where list_contains(?, profile_id)", [profiles]
    ).fetchone()
    return int(row[0])


def forget(
    settings: Settings, subject: Subject, asked: Sequence[str], *, is_now: bool = False
) -> ErasureReport:
    """Erase the people from every store. What was begun before and killed goes on where it was.

    asked: what was named in the request. is_now: without the grace period of the policy.
    """
    named = [*(f"{kind}:{value}" for kind, value in subject.identifiers), *subject.profiles]
    name = tombstones.pseudonym(settings, named)
    erasure = record.begin(settings, name, subject, asked)
    if is_now:
        erasure.not_before = ""
        record.keep(settings, erasure)
    return finish(settings, erasure)


def finish(settings: Settings, erasure: Erasure) -> ErasureReport:
    """Do the steps that are not done yet; a step that leaves something keeps the erasure open.

    In the grace period the people leave every destination, and nothing else is done.
    """
    started = time.monotonic()
    if erasure.is_waiting(record.now()):
        waiting.suppress(settings, erasure, _scan(erasure.subject))
        return ErasureReport(erasure, time.monotonic() - started)
    if not erasure.done and erasure.not_before:
        waiting.renew(settings, erasure)
        if erasure.left:
            return ErasureReport(erasure, time.monotonic() - started)
    work = Work(settings, erasure, _scan(erasure.subject))
    erasure.left = []
    # A job that runs would read snapshots that expire.
    with (
        files_kept(settings, "an erasure"),
        only_one(settings, "erasure"),
        warehouse.writing(settings),
    ):
        for name, step in _STEPS:
            if name in erasure.done and name != _LAST:
                continue
            done, left = step(work)
            if left:
                erasure.left += left
                record.keep(settings, erasure)
                break
            erasure.done[name] = done
            record.keep(settings, erasure)
    seconds = time.monotonic() - started
    if erasure.left:
        return ErasureReport(erasure, seconds)
    receipts = deleting.receipts(settings, erasure.name) if erasure.targets else []
    return ErasureReport(erasure, seconds, record.close(settings, erasure, receipts))


def _scan(subject: Subject) -> ValueScan:
    return ValueScan(Matcher(subject.values))


def _remember(work: Work) -> Outcome:
    tombstones.add(work.settings, tombstones_of(work.subject))
    return {"identifiers": len(work.subject.identifiers)}, []


def _requests(work: Work) -> Outcome:
    destinations.targets(work.settings, work.erasure, work.scan)
    return {"deletions": len(work.erasure.targets)}, []


def _destinations(work: Work) -> Outcome:
    removed, left = destinations.remove(work.settings, work.subject, work.scan)
    # A tool that only deletes later, or that is not reached, keeps no record of its own alive here.
    report = destinations.delete(work.settings, work.erasure, work.scan)
    return {"rows removed": removed, "deleted": report.confirmed}, left


def _deletions(work: Work) -> Outcome:
    """The end of what destinations were asked for; what is open is asked for again."""
    report = destinations.delete(work.settings, work.erasure, work.scan)
    unknown = [f"{name}: nothing states where it once sent" for name in work.erasure.unplaced]
    left = [*report.left, *report.waiting, *unknown]
    return {"deleted": report.confirmed}, [work.scan.matcher.cleaned(one) for one in left]


def _files(work: Work) -> Outcome:
    settings = work.settings
    counts: dict[str, Any] = {}
    with landing.one_at_a_time(settings), warehouse.connect(settings) as connection:
        judge = files.judge(connection, work.subject, work.scan)
        marks = files.keep_as_landed(connection)
        for path in _record_files(settings):
            removed = files.clean(path, judge, marks)
            if removed:
                place = str(path.relative_to(settings.home).parent)
                counts[place] = counts.get(place, 0) + removed
        batches = lake.batches_of(connection, work.subject)
        elsewhere = files.outside(connection, settings.home, batches)
    if elsewhere:
        counts["landed files outside the home, for their owner to clean"] = elsewhere
    return counts, []


def _record_files(settings: Settings) -> list[Path]:
    found = [
        path
        for name in _RECORDS
        for path in search.files(settings.home / name)
        if not path.name.startswith(".") and path.name != "manifest.json"
    ]
    return sorted(found)


def _ledger(work: Work) -> Outcome:
    rows = databases.erase_from_ledger(work.settings, work.subject, work.scan)
    return {"rows": rows}, []


def _store(work: Work) -> Outcome:
    """The real-time store is above this room, so its entry is named as that of a stage."""
    forget = stages.resolve("live.store.erase:forget")
    return {"rows": forget(work.settings, work.subject.profiles, work.subject.identifiers)}, []


def _live(work: Work) -> Outcome:
    """The live engine is above this room too."""
    forget = stages.resolve("live.erasing:forget")
    return {"rows": forget(work.settings, work.subject.profiles, work.scan.count)}, []


def _lake(work: Work) -> Outcome:
    with (
        landing.one_at_a_time(work.settings),
        warehouse.connect(work.settings, is_private=True) as connection,
    ):
        counts = lake.erase(connection, work.subject)
        resolution.forget(connection)
    return dict(counts), []


def _catalog(work: Work) -> Outcome:
    return dict(catalog.clean(work.settings)), []


def _databases(work: Work) -> Outcome:
    return dict(databases.clean(work.settings, work.scan)), databases.servers(work.settings)


def _texts(work: Work) -> Outcome:
    return dict(texts.clean(work.settings.home, work.scan)), []


def _models(work: Work) -> Outcome:
    return {"versions marked": models.mark(work.settings, work.erasure.name)}, []


def _search(work: Work) -> Outcome:
    """The search that the certificate is written on; what it finds keeps the erasure open."""
    found = search.find(work.settings.home, work.scan.matcher)
    if found:  # later attempts clean again
        for name in ("catalog", "databases", "texts"):
            work.erasure.done.pop(name, None)
    named = work.scan.matcher.cleaned
    return {"found": 0}, [f"{count:,} value(s) in {named(place)}" for place, count in found.items()]


_LAST = "search"
_STEPS: Sequence[tuple[str, Callable[[Work], Outcome]]] = (
    ("tombstones", _remember),
    ("requests", _requests),
    ("destinations", _destinations),
    ("files", _files),
    ("ledger", _ledger),
    ("store", _store),
    ("live", _live),
    ("lake", _lake),
    ("models", _models),
    ("catalog", _catalog),
    ("databases", _databases),
    ("texts", _texts),
    ("deletions", _deletions),
    (_LAST, _search),
)


def steps() -> list[str]:
    """Names of the steps, in order."""
    return [name for name, _ in _STEPS]
