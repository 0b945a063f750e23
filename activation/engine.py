"""Runs one sync: recover, plan, brake, send, conclude."""

from __future__ import annotations

from collections.abc import Collection

from activation import brakes, config, runs
from activation import plan as plans
from activation.accounts import LedgerAccounts
from activation.client import Unanswered
from activation.consent import ConsentGate
from activation.destination import Session, connection_values
from activation.destination import of as destination_of
from activation.ledger import Ledger
from activation.plan import Plan
from activation.runs import Run
from activation.sender import Sender
from segmentry import clock, warehouse
from segmentry.errors import BrakeApplied, DestinationError, SegmentryError
from segmentry.settings import Settings
from segmentry.stages import StageReport


def run_sync(settings: Settings, name: str, *, release: Collection[str] = (), digest: str | None = None) -> StageReport:
    """Run one sync to its end.

    release: brakes the operator lets go, by name. digest: apply only if the plan is exactly the one that bears it.
    Raises BrakeApplied, DestinationError or another SegmentryError for this sync alone.
    """
    sync = config.one(settings, name)
    release = brakes.released(name, release)
    destination = destination_of(sync)
    values, missing = connection_values(sync, destination)
    if missing:
        note = f"{name}: not configured, set {', '.join(missing)} to send"
        return StageReport({f"sync {name}": 0}, [note], "not_configured")
    ledger = Ledger(settings)
    try:
        with runs.lease(ledger, name) as holder, warehouse.connect(settings, read_only=True) as lake:
            run = Run(name, holder=holder)
            accounts = LedgerAccounts(ledger)
            session = Session(sync, values, accounts, settings.outbox / name, run.run_id)
            basis = config.consent_policy(settings).basis(sync.purpose)
            gate = ConsentGate(lake, sync, basis, warehouse.snapshot_watch(settings, lake))
            sender = Sender(settings, sync, destination, session, lake, ledger, gate, run)
            try:
                return _run(sender, release, digest)
            finally:
                session.close()
    finally:
        ledger.close()


def _run(sender: Sender, release: Collection[str], digest: str | None) -> StageReport:
    run, ledger = sender.run, sender.ledger
    runs.close_abandoned(ledger, run.sync)
    run.as_of = clock.read_from(sender.lake)
    runs.save(ledger, run, "running")
    status = "failed"
    try:
        sender.recover()
        plan = plans.make(sender.lake, ledger, sender.sync, sender.gate, runs.state(ledger, run.sync))
        run.lake_snapshot, run.planned = plan.snapshot, plan.counts
        run.notes += plan.notes
        _brake(sender, plan, release, digest)
        if not plan.is_empty:
            sender.apply(plan)
        status = _conclude(sender, plan)
    except BrakeApplied:
        status = "stopped"
        raise
    except SegmentryError as error:
        run.notes.append(error.received)
        raise
    finally:
        run.requests += sender.session.requests
        run.notes += sender.session.notes
        runs.save(ledger, run, status)
    return report(run, status)


def _brake(sender: Sender, plan: Plan, release: Collection[str], digest: str | None) -> None:
    if digest is not None and digest != plan.digest:
        raise BrakeApplied(
            f"{sender.sync.name}: the plan has changed since it was made",
            allowed="the plan of the file, unchanged",
            remedy="make a new plan with `segmentry sync plan --out`, look at it, apply it",
        )
    if plan.is_empty:
        return
    plan.coverage = brakes.coverage(sender.lake, sender.sync)
    plan.coverage_before = runs.measure(sender.ledger, sender.sync.name, "coverage")
    stops = brakes.stops(sender.lake, plan)
    if not stops and "first_run" not in release and (found := _members(sender, plan)):
        stops = [found]
    held = [stop for stop in stops if stop.brake not in release]
    words = [runs.raise_review(sender.ledger, sender.run, stop.brake, stop.detail) for stop in held]
    if words:
        sender.run.notes += [f"{stop.brake}: {stop.detail}" for stop in held]
        raise BrakeApplied(
            f"{sender.sync.name}: " + "; ".join(stop.detail for stop in held),
            allowed="what the brakes of the sync allow; what was sent last stays as it is",
            remedy=f"look at `segmentry sync plan --select {sender.sync.name}`; if it is right, "
            f"`segmentry sync apply --select {sender.sync.name} --release {','.join(s.brake for s in held)}`",
        )


def _members(sender: Sender, plan: Plan) -> brakes.Stop | None:
    """The brake of a first run: the destination is asked once, when nothing is known to be there."""
    has_run = runs.state(sender.ledger, plan.sync.name)["config_hash"] is not None
    if plan.sync.mode != "mirror" or plan.held or has_run:
        return None
    try:
        return brakes.members(plan, sender.destination.members(sender.session))
    except Unanswered:
        raise
    except DestinationError as error:
        return brakes.Stop("first_run", f"it cannot be told whether the audience is empty: {error.received}")


def _conclude(sender: Sender, plan: Plan) -> str:
    """Keep what was brought to its end, so that an unchanged audience is known as such at a glance."""
    run, ledger = sender.run, sender.ledger
    unsettled = run.failed["retry"] or run.failed["blocked"] or ledger.open_intents(run.sync)
    fingerprint = None if unsettled or plan.has_waiting else plan.fingerprint
    runs.keep_state(ledger, run.sync, config_hash=sender.sync.config_hash, fingerprint=fingerprint)
    runs.close_reviews(ledger, run.sync, "released")
    if plan.coverage is not None:
        runs.keep_measure(ledger, run.sync, "coverage", plan.coverage)
    if plan.is_empty and not run.sent:
        return "waiting" if plan.has_waiting else "unchanged"
    if run.failed["unknown"]:
        run.notes.append(f"{run.failed['unknown']:,} row(s) may have arrived and are not sent again")
    return "partial" if any(run.failed.values()) else "done"


def report(run: Run, status: str) -> StageReport:
    """What the run did, for people and programs."""
    sent = ", ".join(f"{run.sent[name]:,} {name}" for name in ("add", "update", "remove") if run.sent[name])
    failed = ", ".join(f"{count:,} {name}" for name, count in sorted(run.failed.items()) if count)
    text = f"{run.sync}: {status}; sent {sent or 'nothing'}" + (f"; {failed}" if failed else "")
    return StageReport({f"sync {run.sync}": run.sent.total()}, [f"{text}; {run.requests:,} request(s)"], status)
