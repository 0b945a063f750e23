"""Syncs: what each sends, what was rejected, what stops it, and what it did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from activation import operate
from activation.ledger import runs
from activation.ledger.database import Ledger
from console import plots, releases
from console.access import Role
from console.asked import Asked, ConsolePage, ConsoleRoute, HtmlAnswer, Redirection
from console.cells import Anchor, Badge, HtmlTable, Relation
from segmentry import sync_files
from segmentry.errors import UsageError
from segmentry.sync_config import SyncConfig

_KINDS = {
    "done": "good", "unchanged": "good", "sent": "good", "partial": "warn", "stopped": "bad",
    "failed": "bad", "killed": "bad", "not_configured": "warn", "never run": "plain",
}  # fmt: skip
_OPERATIONS = ("add", "update", "remove")


@contextmanager
def _ledger(asked: Asked) -> Iterator[Ledger | None]:
    """The ledger, or None in a home that has none: a page does not create it."""
    if not asked.has_home:
        yield None
        return
    ledger = Ledger(asked.settings)
    try:
        yield ledger
    finally:
        ledger.close()


def listing(asked: Asked) -> HtmlAnswer:
    """Every sync with its last run."""
    syncs, faults = sync_files.load_each(asked.settings)
    with _ledger(asked) as ledger:
        newest = {run["sync"]: run for run in runs.last_runs(ledger)} if ledger else {}
        waiting = _waiting(ledger)
    dead = _counted(asked, "activation.dead_letters")
    there = _counted(asked, "activation.sync_snapshot")
    rows = [
        {
            "sync": Anchor(sync.name, f"/syncs/{quote(sync.name)}"),
            "destination": sync.destination,
            **_last(sync, newest.get(sync.name)),
            "there": there.get(sync.name, 0),
            "dead": dead.get(sync.name, 0),
            "waiting": Badge("; ".join(w["guardrail"] for w in waiting[sync.name]), "bad")
            if sync.name in waiting
            else None,
        }
        for sync in syncs.values()
    ]
    columns = {
        "sync": "Sync", "destination": "Destination", "status": "Last run", "when": "Finished",
        "sent": "Rows sent", "there": "Rows at the destination", "dead": "Dead letters",
        "waiting": "Stopped by",
    }  # fmt: skip
    broken = [{"file": name, "fault": str(fault)} for name, fault in faults.items()]
    return HtmlAnswer(
        "syncs.html",
        {
            "table": HtmlTable("Syncs", columns, rows, "No sync: add a file to config/syncs."),
            "broken": HtmlTable("Files that do not fit", {"file": "File", "fault": "Why"}, broken),
        },
    )


def _last(sync: SyncConfig, run: dict[str, Any] | None) -> dict[str, Any]:
    status = run["status"] if run else ("never run" if sync.is_enabled else "disabled")
    return {
        "status": Badge(status, _KINDS.get(status, "plain")),
        "when": run["finished_at"] if run else None,
        "sent": sum(run[f"sent_{name}"] for name in _OPERATIONS) if run else None,
    }


def _waiting(ledger: Ledger | None) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for review in runs.open_reviews(ledger) if ledger else ():
        found.setdefault(review["sync"], []).append(review)
    return found


def _counted(asked: Asked, relation: str) -> dict[str, int]:
    if not asked.has_home:
        return {}
    sql = "select sync, count(*) as n from {relation} group by sync"
    return {row["sync"]: row["n"] for row in asked.read(relation, "acknowledge", sql).rows}


def one_sync(asked: Asked) -> HtmlAnswer:
    """One sync: what stops it, its rejected rows, its runs and its file."""
    return _sync_page(asked, None)


def plan(asked: Asked) -> HtmlAnswer:
    """The same with what would be sent now; nothing is sent."""
    sync = sync_files.one(asked.settings, asked.path["name"])
    return _sync_page(asked, operate.plan(asked.settings, [sync.name])[0])


def _sync_page(asked: Asked, planned: dict[str, Any] | None) -> HtmlAnswer:
    name = asked.path["name"]
    sync = sync_files.one(asked.settings, name)
    with _ledger(asked) as ledger:
        waiting = _waiting(ledger).get(name, [])
    history = _history(asked, name)
    facts = {
        "Destination": sync.destination,
        "Owner": sync.owner,
        "Segments": "all" if sync.segments is None else ", ".join(sync.segments),
        "Mode": sync.mode,
        "Purpose": sync.purpose,
        "Channel": sync.channel,
        "Key": sync.key,
        "Schedule": sync.schedule if sync.is_enabled else "disabled",
        "Hold-out": f"{sync.hold_out.share:.0%}" if sync.hold_out else None,
    }
    return HtmlAnswer(
        "sync.html",
        {
            "name": name,
            "description": sync.description,
            "facts": facts,
            "waiting": waiting,
            "may_release": asked.visitor.may(Role.engineer),
            "may_plan": asked.visitor.may(Role.analyst),
            "is_started": asked.query.get("started") == "1",
            "planned": planned and _plan_facts(planned),
            "plan_note": planned["note"] if planned else "",
            "columns": _sent_columns(sync),
            "rejected": _rejected(asked, name),
            "history": _history_table(history),
            "plot": _sent_plot(name, history.rows),
        },
    )


def _plan_facts(planned: dict[str, Any]) -> dict[str, Any]:
    names = {"audience": "in the audience", "add": "to add", "update": "to update",
             "remove": "to remove", "requests": "requests", "minutes": "minutes",
             "guardrails": "guardrails that would stop it"}  # fmt: skip
    return {title: planned[key] for key, title in names.items()}


def _sent_columns(sync: SyncConfig) -> HtmlTable:
    rows = [
        {
            "name": c.name,
            "source": c.source.replace("_", " "),
            "value": c.value,
            "null": c.when_null,
        }
        for c in sync.columns
    ]
    columns = {"name": "Column", "source": "Made from", "value": "Value", "null": "When unknown"}
    return HtmlTable("Columns that leave", columns, rows)


def _rejected(asked: Asked, name: str) -> HtmlTable:
    found = asked.read(
        "activation.dead_letters",
        "acknowledge",
        "select status, operation, reason, count(*) as n, min(first_at) as first_at,"
        " max(last_at) as last_at, max(attempts) as attempts from {relation} where sync = ?"
        " group by all order by n desc, reason limit 50",
        [name],
    )
    columns = {
        "reason": "Reason", "status": "Status", "operation": "Operation", "n": "Rows",
        "attempts": "Most attempts", "first_at": "First", "last_at": "Last",
    }  # fmt: skip
    return found.table("Dead letters by reason", columns, "No row was rejected.")


def _history(asked: Asked, name: str) -> Relation:
    return asked.read(
        "activation.sync_runs",
        "acknowledge",
        "select * from {relation} where sync = ? order by started_at desc limit 50",
        [name],
    )


def _history_table(found: Relation) -> HtmlTable:
    rows = [
        {
            "started": run["started_at"],
            "status": Badge(run["status"], _KINDS.get(run["status"], "plain")),
            **{
                name: f"{run[f'sent_{name}']:,} of {run[f'planned_{name}']:,}"
                for name in _OPERATIONS
            },
            "refused": run["invalid"] + run["rejected"] + run["retry"],
            "blocked": run["blocked"],
            "requests": run["requests"],
            "note": run["note"],
        }
        for run in found.rows
    ]
    columns = {
        "started": "Started", "status": "Status", "add": "Added", "update": "Updated",
        "remove": "Removed", "refused": "Rejected", "blocked": "Blocked by consent",
        "requests": "Requests", "note": "Note",
    }  # fmt: skip
    return HtmlTable("Runs, the newest first", columns, rows, "No run yet.", found.missing)


def _sent_plot(name: str, rows: list[dict[str, Any]]) -> Any:
    if len(rows) < 2:
        return None
    course = rows[::-1]
    series = {
        title: [float(run[f"sent_{operation}"]) for run in course]
        for operation, title in (("add", "added"), ("update", "updated"), ("remove", "removed"))
    }
    ticks = [f"{run['started_at']:%d %b}" for run in course]
    return plots.lines(f"Rows that {name} sent in {len(rows)} runs", series, ticks)


def release(asked: Asked) -> Redirection:
    """Start the sync with the chosen guardrails released."""
    name = sync_files.one(asked.settings, asked.path["name"]).name
    if asked.form.get("sure") != "yes":
        raise UsageError(
            "the release was not confirmed",
            allowed="the box that confirms it",
            remedy="read what would happen, then confirm it",
        )
    with _ledger(asked) as ledger:
        waiting = [review["guardrail"] for review in _waiting(ledger).get(name, [])]
    command = releases.words(name, asked.several.get("guardrail", []), waiting)
    releases.start(asked.settings, asked.visitor, name, command)
    return Redirection(f"/syncs/{quote(name)}?started=1")


PAGE = ConsolePage(
    "Syncs",
    30,
    (
        ConsoleRoute("/syncs", listing),
        ConsoleRoute("/syncs/{name}", one_sync),
        ConsoleRoute("/syncs/{name}/plan", plan, "POST", Role.analyst),
        ConsoleRoute("/syncs/{name}/release", release, "POST", Role.engineer),
    ),
)
