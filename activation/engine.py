"""Runs one sync: recover, withdraw, plan, guard, send, conclude."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

from activation import consent_policy, guardrails, withdrawals
from activation import plan as plans
from activation.client import Unanswered
from activation.consent import ConsentGate
from activation.consent_policy import Basis
from activation.destination import of as destination_of
from activation.ledger import dead_letters, deployed, open_requests, runs
from activation.ledger.database import Ledger
from activation.ledger.deployed import DeployedSync
from activation.ledger.runs import Run
from activation.opened import OpenSync, SyncPlace, open_sync
from activation.plan import Standing, SyncPlan
from activation.send.sender import Sender
from segmentry import clock, sync_files
from segmentry.errors import (
    ConfigError,
    ConnectionNotConfigured,
    DestinationError,
    GuardrailTriggered,
    SegmentryError,
)
from segmentry.settings import Settings
from segmentry.stages import StageReport
from segmentry.sync_config import SyncConfig


def run_sync(
    settings: Settings, name: str, *, release: Collection[str] = (), digest: str | None = None
) -> StageReport:
    """Run one sync to its end.

    Withdrawals are sent first, and nothing that stops the rest stops them. release: guardrails the
    operator lets go, by name. digest: apply the rest only if its plan is exactly the one that bears
    it. Raises GuardrailTriggered, DestinationError or another SegmentryError for this sync alone.
    """
    sync = sync_files.one(settings, name)
    release = guardrails.released(name, release)
    with open_sync(settings, name) as opened:
        if not (missing := opened.at(sync).missing):
            with desk_of(opened) as desk:
                return _run(desk, sync, release, digest)
    withdraw(settings, name, sync)
    note = f"{name}: not configured, set {', '.join(missing)} to send"
    return StageReport({f"sync {name}": 0}, [note], "not_configured")


def withdraw(settings: Settings, name: str, sync: SyncConfig | None) -> StageReport:
    """Send a sync's withdrawals and nothing else.

    It is for a job that stopped, and for a sync that the job does not run. sync: the
    configuration of its file; None if the file is deleted or invalid: then the configuration that
    the rows were sent with applies.
    """
    with open_sync(settings, name) as opened:
        if not deployed.has_rows(opened.ledger, name):
            return StageReport({f"sync {name}": 0}, [], "unchanged")
        with desk_of(opened) as desk:
            return _withdraw_alone(desk, sync)


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
def sender_at(desk: Desk, sync: SyncConfig) -> Iterator[Sender]:
    """A sender to the place that the sync's configuration names; what it counted is added to the
    run.
    """
    place = desk.opened.at(sync)
    run = desk.run
    with place.session(run.run_id) as session:
        try:
            yield Sender(
                desk.opened.settings,
                sync,
                place.destination,
                session,
                desk.lake,
                desk.ledger,
                _gate(place),
                run,
            )
        finally:
            run.requests += session.requests
            run.notes += session.notes


def _gate(place: SyncPlace) -> ConsentGate:
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
            run.notes.append(_sent_words(run))
        runs.save(ledger, run, outcome["status"])


def _run(desk: Desk, sync: SyncConfig, release: Collection[str], digest: str | None) -> StageReport:
    with recorded(desk) as outcome:
        standing = Standing(withdrawals.mark(desk.lake))
        if (former := _former(desk, sync)) is not None:
            with sender_at(desk, former) as sender:
                sender.recover()
                _withdraw(desk, sender, Standing(standing.mark))
        with sender_at(desk, sync) as sender:
            sender.recover()
            lost = _withdraw(desk, sender, standing)
            try:
                status = _send_rest(desk, sender, standing, release, digest)
            except GuardrailTriggered:
                if lost is not None:
                    raise lost from None
                raise
        outcome["status"] = status
    return report(desk.run, outcome["status"])


def _former(desk: Desk, sync: SyncConfig) -> SyncConfig | None:
    """The configuration by which rows are at another place than the sync's file names now, where
    that is known.
    """
    if desk.known is None or deployed.is_same_place(desk.known.sync, sync):
        return None
    try:
        return None if desk.opened.at(desk.known.sync).missing else desk.known.sync
    except ConfigError:  # the destination is not known any more
        return None


def _withdraw(desk: Desk, sender: Sender, standing: Standing) -> DestinationError | None:
    """Send withdrawals, if there may be any.

    Returns the error of a file that could not be fetched: the plan, which writes the whole file,
    then removes them.
    """
    sync = sender.sync
    known = desk.known
    if known is not None and known.is_settled(sync, standing.mark):
        return None
    standing.withdrawn = withdrawals.find(desk.lake, desk.ledger, sync, sender.gate)
    left = 0
    lost = None
    if standing.withdrawn:
        desk.run.planned["remove"] += standing.withdrawn
        try:
            left = sender.withdraw(standing.withdrawn)
        except DestinationError as error:
            if not sender.destination.is_snapshot:
                raise
            lost = error
            standing.withdrawn = 0
            withdrawals.leave_to_the_plan(desk.lake)
    if left:
        desk.run.notes.append(
            f"{left:,} withdrawal(s) were not taken and are tried again by the next run"
        )
    standing.is_settled = not left and lost is None
    if known is not None and standing.is_settled and known.sync.is_same_as(sync):
        deployed.keep(desk.ledger, sync, standing.mark)
    return lost


def _withdraw_alone(desk: Desk, sync: SyncConfig | None) -> StageReport:
    """Withdraw from where the rows are, by what they were sent with; by the file alone where that
    is not known.
    """
    if (
        sync is not None
        and desk.known is not None
        and deployed.is_same_place(desk.known.sync, sync)
    ):
        desk.known = DeployedSync(
            sync, desk.known.mark if desk.known.sync.is_same_as(sync) else None
        )
    chosen = desk.known.sync if desk.known is not None else sync
    name = desk.run.sync
    if chosen is None:
        note = (
            f"{name}: a destination has rows of it, and neither a file nor the ledger states where"
        )
        remedy = f"put config/syncs/{name}.yml back, with `enabled: false`"
        return StageReport(
            {f"sync {name}": 0},
            [f"{note}: no row can be withdrawn there; {remedy}"],
            "unknown_place",
        )
    standing = Standing(withdrawals.mark(desk.lake))
    if desk.known is not None and desk.known.mark == standing.mark:
        return StageReport({f"sync {name}": 0}, [], "unchanged")
    place = desk.opened.at(chosen)
    missing = place.missing
    found = withdrawals.find(desk.lake, desk.ledger, chosen, _gate(place))
    if found and missing:
        raise ConnectionNotConfigured(
            f"{name}: {found:,} row(s) of people who opted out are at the destination, and it"
            " cannot be reached",
            allowed="a connection by which they can be removed",
            remedy=f"set {', '.join(missing)}, then run the job again",
        )
    if not found and not open_requests.is_open(desk.ledger, name):
        if desk.known is not None:
            deployed.keep(desk.ledger, chosen, standing.mark)
        return StageReport({f"sync {name}": 0}, [], "unchanged")
    with recorded(desk) as outcome, sender_at(desk, chosen) as sender:
        sender.recover()
        lost = _withdraw(desk, sender, standing)
        if lost is not None:
            raise lost
        outcome["status"] = "withdrawals"
    return report(desk.run, outcome["status"])


def _send_rest(
    desk: Desk, sender: Sender, standing: Standing, release: Collection[str], digest: str | None
) -> str:
    run = desk.run
    ledger = desk.ledger
    sync = sender.sync
    destination_of(sync)  # what is refused here has had its withdrawals
    plan = plans.make(desk.lake, ledger, sync, sender.gate, runs.state(ledger, run.sync), standing)
    run.lake_snapshot = plan.snapshot
    run.planned += plan.counts
    run.notes += plan.notes
    stopped = _guard(sender, plan, release, digest)
    if not plan.is_empty:
        deployed.keep(ledger, sync, standing.mark if standing.is_settled else None)
        sender.apply(plan)
    if stopped is not None:
        raise stopped
    return _conclude(sender, plan, standing)


def _guard(
    sender: Sender, plan: SyncPlan, release: Collection[str], digest: str | None
) -> GuardrailTriggered | None:
    """Raise what stops the plan. Returns what stops its additions alone: they are removed, and the
    rest is sent.
    """
    if digest is not None and digest != plan.digest:
        raise GuardrailTriggered(
            f"{sender.sync.name}: the plan has changed since it was made{_besides(sender.run)}",
            allowed="the plan of the file, unchanged",
            remedy="make a new plan with `segmentry sync plan --out`, look at it, apply it",
        )
    if plan.is_empty:
        return None
    plan.coverage = guardrails.coverage(sender.lake, sender.sync)
    plan.coverage_before = runs.measure(sender.ledger, sender.sync.name, "coverage")
    stops = guardrails.stops(sender.lake, plan, consent_policy.load(sender.settings))
    if not stops and "first_run" not in release and (found := _members(sender, plan)):
        stops = [found]
    stopping = [stop for stop in stops if stop.guardrail not in release]
    if not stopping:
        return None
    for stop in stopping:
        runs.raise_review(sender.ledger, sender.run, stop.guardrail, stop.detail)
    sender.run.notes += [f"{stop.guardrail}: {stop.detail}" for stop in stopping]
    error = GuardrailTriggered(
        f"{sender.sync.name}: "
        + "; ".join(stop.detail for stop in stopping)
        + _besides(sender.run),
        allowed="what the guardrails of the sync allow; what was sent last stays as it is",
        remedy=(
            f"look at `segmentry sync plan --select {sender.sync.name}`; if it is right, `segmentry"
            f" sync apply --select {sender.sync.name} --release"
            f" {','.join(s.guardrail for s in stopping)}`"
        ),
    )
    # A file is one whole, and after a change of the mapping all rows are sent: there is no rest
    # without the additions.
    if (
        {stop.guardrail for stop in stopping} != {"unmatched"}
        or sender.destination.is_snapshot
        or plan.is_resync
    ):
        raise error
    plans.drop_additions(sender.lake, plan)
    return error


def _besides(run: Run) -> str:
    return f"; {_sent_words(run)}" if run.withdrawn else ""


def _sent_words(run: Run) -> str:
    return f"{run.withdrawn:,} withdrawal(s) were sent"


def _members(sender: Sender, plan: SyncPlan) -> guardrails.Stop | None:
    """The guardrail of a first run: the destination is asked once, when nothing is known to be
    there.
    """
    has_run = runs.state(sender.ledger, plan.sync.name)["config_hash"] is not None
    if plan.sync.mode != "mirror" or plan.existing or has_run:
        return None
    try:
        return guardrails.members(plan, sender.destination.members(sender.session))
    except Unanswered:
        raise
    except DestinationError as error:
        return guardrails.Stop(
            "first_run", f"it is not known whether the audience is empty: {error.received}"
        )


def _conclude(sender: Sender, plan: SyncPlan, standing: Standing) -> str:
    """Keep what was brought to its end, so that an unchanged audience is known as such at a
    glance.
    """
    run = sender.run
    ledger = sender.ledger
    unsettled = (
        run.failed["retry"]
        or run.failed["blocked"]
        or open_requests.is_open(ledger, run.sync)
        or dead_letters.may_return(ledger, run.sync)
    )
    is_at_rest = not (unsettled or plan.has_waiting) and standing.is_settled
    fingerprint = plan.fingerprint if is_at_rest else None
    runs.keep_state(ledger, run.sync, config_hash=sender.sync.config_hash, fingerprint=fingerprint)
    if plan.is_empty:
        deployed.keep(ledger, sender.sync, standing.mark if standing.is_settled else None)
    runs.close_reviews(ledger, run.sync, "released")
    if plan.coverage is not None:
        runs.keep_measure(ledger, run.sync, "coverage", plan.coverage)
    if plan.is_empty and not run.sent:
        return "waiting" if plan.has_waiting else "unchanged"
    if run.failed["unknown"]:
        run.notes.append(
            f"{run.failed['unknown']:,} row(s) may have arrived and are not sent again"
        )
    return "partial" if any(run.failed.values()) else "done"


def report(run: Run, status: str) -> StageReport:
    """What the run did, for people and programs."""
    sent = ", ".join(
        f"{run.sent[name]:,} {name}" for name in ("add", "update", "remove") if run.sent[name]
    )
    failed = ", ".join(f"{count:,} {name}" for name, count in sorted(run.failed.items()) if count)
    text = f"{run.sync}: {status}; sent {sent or 'nothing'}" + (f"; {failed}" if failed else "")
    withdrawn = f"; {_sent_words(run)}" if run.withdrawn else ""
    return StageReport(
        {f"sync {run.sync}": run.sent.total()},
        [f"{text}; {run.requests:,} request(s){withdrawn}"],
        status,
    )
