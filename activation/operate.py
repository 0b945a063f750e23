"""What an operator does with syncs: plan, apply, retry, status, verify. Every answer is rows to
show.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from activation import (
    consent_policy,
    definitions,
    engine,
    expected_requests,
    guardrails,
    moving,
    opt_out_pull,
    plan_notes,
    published,
    renaming,
    retirement,
)
from activation.destination import connection_values
from activation.destination import of as destination_of
from activation.ledger import dead_letters, destination_rows, runs, tables
from activation.ledger.database import Ledger, now
from activation.opened import SyncPlace, open_sync
from segmentry import sync_files, warehouse
from segmentry.errors import ConnectionNotConfigured, SegmentryError, UsageError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig

Shown = list[dict[str, Any]]


# What a run of a sync may come to that leaves something for an operator to do.
UNDONE = frozenset({"partial", "not_configured"})


def chosen(settings: Settings, select: Sequence[str]) -> list[SyncConfig]:
    """The syncs named, or every enabled one."""
    if select:
        return [sync_files.one(settings, name) for name in select]
    return [sync for sync in sync_files.load(settings).values() if sync.is_enabled]


def plan(settings: Settings, select: Sequence[str]) -> Shown:
    """What each sync would do, and which guardrails would stop it."""
    return [_planned(settings, sync) for sync in chosen(settings, select)]


def _planned(settings: Settings, sync: SyncConfig) -> dict[str, Any]:
    with open_sync(settings, sync.name) as opened:
        place = opened.at(sync)
        ledger = opened.ledger
        destination = destination_of(sync)
        missing = place.missing
        lake = opened.lake
        renaming.settle(ledger, sync)
        made = moving.planned(opened, place)
        notes = plan_notes.of(opened, made, missing)
        made.coverage = guardrails.coverage(lake, sync)
        made.coverage_before = runs.measure(ledger, sync.name, "coverage")
        requests = expected_requests.of_plan(lake, ledger, destination, made)
        stopping = (
            [] if made.is_empty else guardrails.stops(lake, made, consent_policy.load(settings))
        )
        if not made.is_empty and (restored := guardrails.restored(ledger)) is not None:
            stopping.append(restored)
    minutes = expected_requests.minutes(sync, destination, requests) + made.former_minutes
    return {
        "sync": sync.name,
        "destination": sync.destination,
        "audience": made.wanted,
        "held": made.existing + made.withdrawn + made.left_behind,
        "add": made.counts["add"],
        "update": made.counts["update"],
        "remove": made.counts["remove"] + made.withdrawn + made.left_behind,
        "withdraw": made.withdrawn,
        "requests": requests + made.former_requests,
        "minutes": round(minutes, 2),
        "cost": (
            f"{made.counts.total() + made.withdrawn + made.left_behind:,} {destination.cost_unit}"
            if destination.cost_unit != "requests"
            else ""
        ),
        "guardrails": ", ".join(stop.guardrail for stop in stopping),
        "note": "; ".join(notes),
        "digest": made.digest,
    }


def write_plan(path: Path, rows: Shown) -> None:
    """Write plans to a file that bears the hash of its content."""
    try:
        path.write_text(
            json.dumps({"plans": rows, "hash": _hash(rows)}, indent=2) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise UsageError(
            f"{path} could not be written: {error.strerror}",
            allowed="a file in a folder that is there",
        ) from None


def read_plan(path: Path) -> Shown:
    """The plans of a file, or UsageError where it was changed since it was written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows: Shown = content["plans"]
        stated = content["hash"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path} is not a plan",
            allowed="a file of `segmentry sync plan --out`",
            remedy="make a new plan",
        ) from None
    if stated != _hash(rows):
        raise UsageError(
            f"{path} was changed after it was written",
            allowed="a plan as `segmentry sync plan --out` wrote it",
            remedy="make a new plan",
        )
    return rows


def _hash(rows: Shown) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def apply(
    settings: Settings, select: Sequence[str], release: Sequence[str] = (), file: Path | None = None
) -> tuple[Shown, list[SegmentryError]]:
    """Run syncs one after the other, or exactly those of a plan file; give what each did and what
    failed.
    """
    digests = _digests(file, select) if file else {}
    names = list(digests) if file else [s.name for s in chosen(settings, select)]
    guardrails.released("", release)
    shown = []
    failures = list(opt_out_pull.before_sending(settings).faults)
    for name in names:
        started = now()
        try:
            report = engine.run_sync(settings, name, release=release, digest=digests.get(name))
            row = {
                "sync": name,
                "status": report.status,
                "sent": sum(report.rows.values()),
                "note": "; ".join(report.notes),
            }
        except SegmentryError as error:
            failures.append(error)
            status = "stopped" if error.exit_code == 3 else "failed"
            row = {
                "sync": name,
                "status": status,
                "sent": _sent_since(settings, name, started),
                "note": error.received,
            }
        shown.append(row)
    publish(settings)
    return shown, failures


def _sent_since(settings: Settings, name: str, started: datetime) -> int:
    """Rows that a run of the sync sent before something stopped it: withdrawals, at least."""
    ledger = Ledger(settings)
    try:
        found = [
            run
            for run in runs.last_runs(ledger)
            if run["sync"] == name and run["started_at"] >= started
        ]
    finally:
        ledger.close()
    return sum(
        int(run[f"sent_{operation}"]) for run in found for operation in ("add", "update", "remove")
    )


def _digests(file: Path, select: Sequence[str]) -> dict[str, str]:
    """Sync to digest of the plans of a file that were selected."""
    digests = {row["sync"]: row["digest"] for row in read_plan(file)}
    if strange := [name for name in select if name not in digests]:
        raise UsageError(
            f"{file} has no plan for '{strange[0]}'",
            allowed=", ".join(digests) or "a plan with a sync in it",
        )
    return {name: digest for name, digest in digests.items() if not select or name in select}


def publish(settings: Settings) -> None:
    """Publish the ledger to the lake's relations."""
    ledger = Ledger(settings)
    try:
        with warehouse.connect(settings) as lake:
            published.publish(lake, ledger)
    finally:
        ledger.close()


def retry(settings: Settings, select: Sequence[str]) -> tuple[Shown, list[SegmentryError]]:
    """Forget that rows were refused, then run the syncs that had some."""
    ledger = Ledger(settings)
    try:
        dead = {
            sync.name: dead_letters.forget(ledger, sync.name) for sync in chosen(settings, select)
        }
        for name, count in dead.items():
            if count:
                runs.keep_state(ledger, name, fingerprint=None)
    finally:
        ledger.close()
    names = [name for name, count in dead.items() if count]
    return apply(settings, names) if names else ([], [])


def status(settings: Settings, select: Sequence[str]) -> Shown:
    """Each sync's last run, the number of rows at its destination, and its open reviews."""
    ledger = Ledger(settings)
    try:
        newest = {row["sync"]: row for row in runs.last_runs(ledger)}
        waiting: dict[str, list[str]] = {}
        for review in runs.open_reviews(ledger):
            waiting.setdefault(review["sync"], []).append(
                f"{review['guardrail']}: {review['detail']}"
            )
        there = _counts(ledger, tables.destination_rows)
        dead = _counts(ledger, tables.dead_letters)
    finally:
        ledger.close()
    orphans = [] if select else retirement.orphans(settings)
    with warehouse.connect(settings, read_only=True, has_functions=False) as lake:
        rows = [
            {
                **_status_row(sync, newest.get(sync.name), waiting.get(sync.name, [])),
                **_moving(settings, sync),
                "held": there.get(sync.name, 0),
                "refused": dead.get(sync.name, 0),
                "audience": _built(lake, sync),
            }
            for sync in chosen(settings, select)
        ]
    return rows + [_orphan_row(one, newest.get(one.name)) for one in orphans]


def _orphan_row(orphan: retirement.Orphan, run: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "sync": orphan.name,
        "destination": orphan.destination,
        "status": "orphaned",
        "finished_at": run["finished_at"] if run else None,
        "held": orphan.rows,
        "refused": 0,
        "waiting": "",
        "note": orphan.warning,
        "audience": "none",
    }


def _moving(settings: Settings, sync: SyncConfig) -> dict[str, str]:
    """The note of a sync whose rows are at another place than it names."""
    with open_sync(settings, sync.name) as opened:
        move = moving.announced(opened, sync)
    return {} if move is None else {"note": move.note}


def _built(lake: duckdb.DuckDBPyConnection, sync: SyncConfig) -> str:
    """Whether the audience in the lake is that of the file."""
    if not warehouse.relation_exists(lake, f"audiences.aud_{sync.name}"):
        return "not built"
    return (
        "; ".join(definitions.warning(sync, definitions.differences(lake, sync)))
        or "matches the file"
    )


def _status_row(sync: SyncConfig, run: dict[str, Any] | None, waiting: list[str]) -> dict[str, Any]:
    _, missing = connection_values(sync, destination_of(sync))
    never = "not_configured" if missing else "never run"
    return {
        "sync": sync.name,
        "destination": sync.destination,
        "status": run["status"] if run else never,
        "finished_at": run["finished_at"] if run else None,
        "held": 0,
        "refused": 0,
        "waiting": "; ".join(waiting),
        "note": run["note"] if run else "",
    }


def _counts(ledger: Ledger, table: sa.Table) -> dict[str, int]:
    with ledger.begin() as c:
        return {
            r[0]: int(r[1])
            for r in c.execute(sa.select(table.c.sync, sa.func.count()).group_by(table.c.sync))
        }


def verify(
    settings: Settings, select: Sequence[str], *, repair: bool = False
) -> tuple[Shown, list[SegmentryError]]:
    """Compare the rows of destinations with the ledger: matched, missing there, surplus there."""
    shown = []
    missing = []
    failures: list[SegmentryError] = []
    for sync in chosen(settings, select):
        with open_sync(settings, sync.name) as opened:
            try:
                row, lost = _verified(opened.at(sync))
            except SegmentryError as error:
                failures.append(error)
                row = {**_unverified(sync), "note": error.received}
                lost = []
            shown.append(row)
            if lost and repair:
                destination_rows.mark_unconfirmed(opened.ledger, sync.name, lost)
                runs.keep_state(opened.ledger, sync.name, fingerprint=None)
                missing.append(sync.name)
    if missing:
        failures += apply(settings, missing)[1]
    return shown, failures


def _unverified(sync: SyncConfig) -> dict[str, Any]:
    return {
        "sync": sync.name,
        "held": 0,
        "matched": 0,
        "missing": 0,
        "surplus": 0,
        "match_rate": None,
        "note": "",
    }


def _verified(place: SyncPlace) -> tuple[dict[str, Any], list[str]]:
    sync = place.sync
    ledger = place.opened.ledger
    row = _unverified(sync)
    if place.missing:
        raise ConnectionNotConfigured(
            f"{sync.name}: set {', '.join(place.missing)} to read back",
            allowed="a connection with all its settings",
            remedy="set what is named, then run it again",
        )
    with place.session("verify") as session:
        found = place.destination.members(session)
        there = None if found is None else {str(identity) for identity in found}
    known = dict(
        zip(
            *(
                destination_rows.of(ledger, sync.name).column(name).to_pylist()
                for name in ("ledger_key", "identity")
            ),
            strict=True,
        )
    )
    if there is None or sync.mode == "delete":
        note = (
            "this destination cannot be read back"
            if there is None
            else "a sync that deletes is not read back"
        )
        return {**row, "held": len(known), "note": note}, []
    lost = [key for key, identity in known.items() if identity not in there]
    here = set(known.values())
    matched = len(known) - len(lost)
    rate = round(matched / len(known), 4) if known else 1.0
    numbers = {
        "held": len(known),
        "matched": matched,
        "missing": len(lost),
        "surplus": len(there - here),
    }
    return {**row, **numbers, "match_rate": rate}, lost
