"""Runs one sync: recover, withdraw, plan, guard, send, conclude."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from activation import (
    consent_policy,
    guardrails,
    moving,
    news,
    opt_out_pull,
    renaming,
    sharing,
    withdrawals,
)
from activation import plan as plans
from activation.client import Unanswered
from activation.desk import Desk, desk_of, gate_of, recorded, report, sender_at, sent_words
from activation.destination import of as destination_of
from activation.ledger import dead_letters, deployed, open_requests, runs
from activation.ledger.deployed import DeployedSync
from activation.ledger.runs import Run
from activation.moving import PlaceChange
from activation.opened import SyncPlace, open_sync
from activation.plan import Standing, SyncPlan
from activation.send.sender import Sender
from segmentry import sync_files
from segmentry.errors import DestinationError, GuardrailTriggered
from segmentry.settings import Settings
from segmentry.stages import StageReport
from segmentry.sync_config import SyncConfig


@dataclass(frozen=True)
class LiveNews:
    """What the live engine has to send. refused: gives the profiles that refused the sync's purpose
    since the batch.
    """

    news_rows: Sequence[news.NewsRow]
    refused: Callable[[], Collection[str]]


def run_sync(
    settings: Settings,
    name: str,
    *,
    release: Collection[str] = (),
    digest: str | None = None,
    live: LiveNews | None = None,
) -> StageReport:
    """Run one sync to its end.

    Withdrawals are sent first, and nothing that stops the rest stops them. release: guardrails the
    operator lets go, by name. digest: apply the rest only if its plan is exactly the one that bears
    it. live: what a sync with `schedule: live` sends; without it nothing. Raises
    GuardrailTriggered, DestinationError or another SegmentryError for this sync alone.
    """
    sync = sync_files.one(settings, name)
    release = guardrails.released(name, release)
    read_back = opt_out_pull.before_sending(settings)
    if read_back.faults:
        # Who opted out there is not known: nobody is added, and those who are known to have opted
        # out leave.
        withdraw(settings, name, sync)
        raise read_back.faults[0]
    with open_sync(settings, name) as opened:
        if live is not None:
            opened.refused_meanwhile = live.refused
            snapshot = plans.snapshot_to_read(opened.lake, sync)
            news.put(opened.lake, sync, snapshot, live.news_rows)
        renaming.settle(opened.ledger, sync)
        if not (missing := opened.at(sync).missing):
            with desk_of(opened) as desk:
                desk.run.notes += read_back.notes
                done = _run(desk, sync, release, digest)
            return replace(done, notes=[*read_back.notes, *done.notes])
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
        if sync is not None:
            renaming.settle(opened.ledger, sync)
        if not deployed.has_rows(opened.ledger, name):
            return StageReport({f"sync {name}": 0}, [], "unchanged")
        with desk_of(opened) as desk:
            return _withdraw_alone(desk, sync)


def _run(desk: Desk, sync: SyncConfig, release: Collection[str], digest: str | None) -> StageReport:
    with recorded(desk) as outcome:
        standing = Standing(withdrawals.mark(desk.lake))
        announced = []
        if (move := moving.find(desk.opened, sync, desk.known)) is not None:
            announced = [f"{sync.name}: {move.note}"]
            release = _move(desk, move, standing, release, digest)
        with sender_at(desk, desk.opened.at(sync)) as sender:
            sender.recover()
            lost = _withdraw(desk, sender, standing)
            try:
                status = _send_rest(desk, sender, standing, release, digest)
            except GuardrailTriggered:
                if lost is not None:
                    raise lost from None
                raise
        outcome["status"] = status
    done = report(desk.run, outcome["status"])
    return replace(done, notes=[*announced, *done.notes])


def _move(
    desk: Desk, move: PlaceChange, standing: Standing, release: Collection[str], digest: str | None
) -> Collection[str]:
    """Leave the former place, when withdrawals were sent there and nothing stops the filling of the
    new one. Returns the guardrails that are released at the new place.
    """
    if move.former is not None:
        with sender_at(desk, move.former) as sender:
            sender.recover()
            _withdraw(desk, sender, Standing(standing.mark))
    moving.require_answer(move, release)
    if not move.is_elsewhere:
        # Its members are rows of this sync, which are removed.
        release = {*release, "first_run"}
    destination_of(move.now.sync)  # what is refused here has had its withdrawals
    if not moving.is_same(move, release):
        with sender_at(desk, move.now) as sender:
            plan = plans.make(
                desk.lake, desk.ledger, move.now.sync, sender.gate, runs.NO_STATE,
                Standing(standing.mark, is_moving=True), is_digested=digest is not None,
            )  # fmt: skip
            if (stopped := _guard(sender, plan, release, digest)) is not None:
                raise stopped
        release = {*release, "first_run"}  # its members were asked for
    moving.leave(desk, move, release)
    return release


def _withdraw(desk: Desk, sender: Sender, standing: Standing) -> DestinationError | None:
    """Send withdrawals, if there may be any.

    Returns the error of a file that could not be fetched: the plan, which writes the whole file,
    then removes them.
    """
    sync = sender.sync
    known = desk.known
    is_known = known is not None and known.is_settled(sync, standing.mark)
    if is_known and not sender.has_failed_removals:
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
        deployed.keep(desk.ledger, sync, standing.mark, sender.written)
    return lost


def _withdraw_alone(desk: Desk, sync: SyncConfig | None) -> StageReport:
    """Withdraw from where the rows are, by what they were sent with; by the file alone where that
    is not known.
    """
    name = desk.run.sync
    chosen, place = _place_of_rows(desk, sync)
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
    is_open = open_requests.is_open(desk.ledger, name)
    if desk.known is not None and desk.known.mark == standing.mark and not is_open:
        return StageReport({f"sync {name}": 0}, [], "unchanged")
    found = withdrawals.find(desk.lake, desk.ledger, chosen, gate_of(desk.opened.at(chosen)))
    if found and place is None:
        raise moving.unreachable(
            desk.known or DeployedSync(chosen, None),
            f"{found:,} row(s) of people who opted out are at the destination",
        )
    if not found and (place is None or not is_open):
        if desk.known is not None and not is_open:
            deployed.keep(desk.ledger, chosen, standing.mark, desk.known.place)
        return StageReport({f"sync {name}": 0}, [], "unchanged")
    assert place is not None
    with recorded(desk) as outcome, sender_at(desk, place) as sender:
        sender.recover()
        lost = _withdraw(desk, sender, standing)
        if lost is not None:
            raise lost
        outcome["status"] = "withdrawals"
    return report(desk.run, outcome["status"])


def _place_of_rows(
    desk: Desk, sync: SyncConfig | None
) -> tuple[SyncConfig | None, SyncPlace | None]:
    """The configuration by which rows are withdrawn, and their place if it can be reached. That of
    the file counts where it names the same place.
    """
    known = desk.known
    if sync is not None and (known is None or moving.find(desk.opened, sync, known) is None):
        place = desk.opened.at(sync)
        if known is not None:
            mark = known.mark if known.sync.is_same_as(sync) else None
            desk.known = DeployedSync(sync, mark, place.written)
        return sync, None if place.missing else place
    if known is None:
        return None, None
    return known.sync, moving.former_place(desk.opened, known)


def _send_rest(
    desk: Desk, sender: Sender, standing: Standing, release: Collection[str], digest: str | None
) -> str:
    run = desk.run
    ledger = desk.ledger
    sync = sender.sync
    destination_of(sync)  # what is refused here has had its withdrawals
    # A suppression list that cannot be read stops what follows.
    sender.gate.refresh()
    plan = plans.make(
        desk.lake, ledger, sync, sender.gate, runs.state(ledger, run.sync), standing,
        is_digested=digest is not None,
    )  # fmt: skip
    sharing.keep_in_plan(desk.lake, ledger, sender.others, sender.destination, plan)
    run.lake_snapshot = plan.snapshot
    run.planned += plan.counts
    run.notes += plan.notes
    stopped = _guard(sender, plan, release, digest)
    if not plan.is_empty:
        deployed.keep(ledger, sync, standing.mark if standing.is_settled else None, sender.written)
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
    if (restored := guardrails.restored(sender.ledger)) is not None:
        stops.append(restored)
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
    return f"; {sent_words(run)}" if run.withdrawn else ""


def _members(sender: Sender, plan: SyncPlan) -> guardrails.Stop | None:
    """The guardrail of a first run: the destination is asked once, when nothing is known to be
    there.
    """
    if not guardrails.asks_for_members(plan, sender.destination):
        return None
    sender.calls += not sender.destination.is_snapshot
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
        mark = standing.mark if standing.is_settled else None
        deployed.keep(ledger, sender.sync, mark, sender.written)
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
