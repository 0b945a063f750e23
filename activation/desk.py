"""One run of one sync: its lease, its record in the ledger, and what it sends with.
The engine, moves and retirement work on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from activation.consent import ConsentGate
from activation.consent_policy import Basis
from activation.ledger import deployed, runs
from activation.ledger.database import Ledger
from activation.ledger.deployed import DeployedSync
from activation.ledger.runs import Run
from activation.opened import OpenSync, SyncPlace
from activation.send.sender import Sender
from segmentry import clock
from segmentry.errors import ConfigError, GuardrailTriggered, SegmentryError
from segmentry.stages import StageReport


@dataclass
class Desk:
    """One run of one sync, with what it works on."""

    opened: OpenSync
    ledger: Ledger
    lake: duckdb.DuckDBPyConnection
    run: Run
    known: DeployedSync | None


@contextmanager
def desk_of(opened: OpenSync) -> Iterator[Desk]:
    """The sync, for this process alone as long as it lasts."""
    name = opened.name
    ledger = opened.ledger
    with runs.lease(ledger, name) as holder:
        lake = opened.lake  # a lake that cannot be opened is no run of the sync
        yield Desk(opened, ledger, lake, Run(name, holder=holder), deployed.of(ledger, name))


@contextmanager
def sender_at(desk: Desk, place: SyncPlace) -> Iterator[Sender]:
    """A sender to the place; what it counted is added to the run."""
    run = desk.run
    with place.session(run.run_id) as session:
        sender = Sender(
            desk.opened.settings,
            place.sync,
            place.destination,
            session,
            desk.lake,
            desk.ledger,
            gate_of(place),
            run,
        )
        try:
            yield sender
        finally:
            run.requests += session.requests if session.clients else sender.calls
            run.notes += session.notes


def gate_of(place: SyncPlace) -> ConsentGate:
    """The consent gate of the place, also where the policy has no rule for its purpose."""
    try:
        return place.gate()
    except ConfigError:
        # Enough for withdrawals: an opt-out applies under every policy.
        return place.gate(Basis(is_opt_in=True))


@contextmanager
def recorded(desk: Desk) -> Iterator[dict[str, str]]:
    """The run in the ledger, whatever its outcome; its status is set by the caller under
    ``status``.
    """
    run = desk.run
    ledger = desk.ledger
    runs.close_abandoned(ledger, run.sync)
    run.as_of = clock.read_from(desk.lake)
    runs.save(ledger, run, "running")
    outcome = {"status": "failed"}
    try:
        yield outcome
    except GuardrailTriggered:
        outcome["status"] = "stopped"
        raise
    except SegmentryError as error:
        run.notes.append(error.received)
        raise
    finally:
        if run.withdrawn:
            run.notes.append(sent_words(run))
        runs.save(ledger, run, outcome["status"])


def report(run: Run, status: str) -> StageReport:
    """What the run did, for people and programs."""
    sent = ", ".join(
        f"{run.sent[name]:,} {name}" for name in ("add", "update", "remove") if run.sent[name]
    )
    failed = ", ".join(f"{count:,} {name}" for name, count in sorted(run.failed.items()) if count)
    text = f"{run.sync}: {status}; sent {sent or 'nothing'}" + (f"; {failed}" if failed else "")
    withdrawn = f"; {sent_words(run)}" if run.withdrawn else ""
    return StageReport(
        {f"sync {run.sync}": run.sent.total()},
        [f"{text}; {run.requests:,} request(s){withdrawn}"],
        status,
    )


def sent_words(run: Run) -> str:
    """How many withdrawals the run sent."""
    return f"{run.withdrawn:,} withdrawal(s) were sent"
