"""One person's row as a sync would send it: the exact request, and if asked the tool's answer.

A row that is sent is a row like any other: consent is asked for as it leaves, the ledger knows it
from before the request, and the next run goes on from there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from activation import guardrails, masking, moving, pace, withdrawals
from activation import plan as plans
from activation.client import ConsentChanged, RequestRefused
from activation.desk import Desk, desk_of, gate_of, recorded
from activation.destination import MALFORMED
from activation.destination import of as destination_of
from activation.examine import check_of
from activation.ledger import deployed, destination_rows, runs
from activation.ledger.accounts import LedgerAccounts
from activation.ledger.database import now
from activation.model import Batch, Operation, Row, RowOutcome, Status
from activation.opened import OpenSync, SyncPlace
from activation.plan import Standing
from activation.recording import NoAccounts, RecordingSession, SeenRequest, Tap, secrets_of
from activation.send import request
from activation.send.sender import Sender
from identity import people
from segmentry import row_profile, tables
from segmentry.errors import ConnectionNotConfigured, GuardrailTriggered, SegmentryError, UsageError
from segmentry.sync_config import SyncConfig

# Where the tool has taken the row as a job that goes on.
_PENDING = "the tool's job is still at work; the next run asks for its result"


@dataclass(frozen=True)
class TrialRow:
    """A row, its requests, and its outcome if it was sent. values: to look at."""

    values: Mapping[str, Any]
    requests: list[SeenRequest]
    status: str = "not sent"
    reason: str = ""


@dataclass
class _TrialSender(Sender):
    """A sender that keeps the outcomes."""

    outcomes: list[RowOutcome] = field(default_factory=list)

    def record(self, request_id: str | None, outcomes: Sequence[RowOutcome]) -> None:
        super().record(request_id, outcomes)
        self.outcomes += outcomes


def shown(
    opened: OpenSync, sync: SyncConfig, who: str | None, *, has_identifiers: bool = False
) -> TrialRow:
    """The requests of one row, none of which leaves. who: a profile_id or ``type:value``; None for
    the first of the audience. Settings without a value are shown by their names.
    """
    destination = destination_of(sync)
    place = opened.at(sync)
    row = _row(opened, sync, who)
    requests: list[SeenRequest] = []
    if not destination.is_snapshot:
        needed = destination.needed_settings(sync.connection)
        values = {**{name: f"<{name}>" for name in needed}, **place.values}
        if "url" in needed and not place.values.get("url"):
            values["url"] = "https://tool.invalid"
        tap = Tap(dry_answer=check_of(sync).dry_answer)
        session = _session(place, NoAccounts(), "dry", tap, values)
        try:
            if sync.mode == "delete":
                destination.remove(session, Batch("dry", [row]))
            else:
                destination.upsert(session, Batch("dry", [row]))
        except (RequestRefused, ConsentChanged, SegmentryError, *MALFORMED):
            pass  # the answers are not the tool's: what was asked for until here is shown
        finally:
            session.close()
        requests = tap.seen
    return _to_look_at(sync, row, requests, place.values, has_identifiers)


def send(
    opened: OpenSync, sync: SyncConfig, who: str | None, *, has_identifiers: bool = False
) -> TrialRow:
    """Send one row, whatever the rest of the plan; return the requests with the tool's answers."""
    destination = destination_of(sync)
    place = opened.at(sync)
    if destination.is_snapshot or sync.mode == "delete":
        raise UsageError(
            f"{sync.name}: one row alone cannot be sent as a trial",
            allowed="a destination that takes single rows, and a mode that adds people",
            remedy=f"look at `segmentry sync preview {sync.name}`",
        )
    if place.missing:
        raise ConnectionNotConfigured(
            f"{sync.name}: a setting has no value",
            allowed="a connection with all its settings",
            remedy=f"set {', '.join(place.missing)}, then run it again",
        )
    if (move := moving.announced(opened, sync)) is not None:
        raise UsageError(
            f"{sync.name}: {move.note}",
            allowed="a sync whose rows are where its file names",
            remedy=f"`segmentry sync apply --select {sync.name}` first",
        )
    with desk_of(opened) as desk, recorded(desk) as outcome:
        tap = Tap(httpx.HTTPTransport())
        accounts = LedgerAccounts(desk.ledger)
        session = _session(place, accounts, desk.run.run_id, tap, place.values)
        sender = _TrialSender(
            opened.settings, sync, place.destination, session, desk.lake, desk.ledger,
            gate_of(place), desk.run,
        )  # fmt: skip
        try:
            row = _send_one(desk, sender, who)
        finally:
            session.close()
            desk.run.requests += session.requests
        found = sender.outcomes[-1] if sender.outcomes else None
        is_sent = found is not None and found.status is Status.sent
        outcome["status"] = "done" if is_sent else "partial"
    trial = _to_look_at(sync, row, tap.seen, place.values, has_identifiers)
    if found is None:
        return replace(trial, status="pending", reason=_PENDING)
    return replace(trial, status=str(found.status), reason=found.reason)


def _send_one(desk: Desk, sender: Sender, who: str | None) -> Row:
    """The row that was sent, by the engine's own way of one request."""
    sync = sender.sync
    sender.recover()
    row = _row(desk.opened, sync, who)
    _require_turn(desk, sync, row)
    known = desk.known
    if destination_rows.count(desk.ledger, sync.name) == 0 and sync.mode == "mirror":
        counts = Counter({"add": 1})
        first = plans.SyncPlan(sync, 0, 1, 0, counts, "", is_first_run=True)
        if stop := guardrails.members(first, sender.destination.members(sender.session)):
            raise GuardrailTriggered(
                f"{sync.name}: {stop.detail}",
                allowed="an audience without members, or `allow_members: true` under guardrails",
                remedy="name an empty one, or allow it in the sync's file",
            )
    mark = None if known is None or not known.sync.is_same_as(sync) else known.mark
    deployed.keep(desk.ledger, sync, mark, sender.written)
    # The next run compares every row again.
    runs.keep_state(desk.ledger, sync.name, fingerprint=None)
    desk.run.planned[row.operation] += 1
    request.send(sender, [row])
    return row


def _require_turn(desk: Desk, sync: SyncConfig, row: Row) -> None:
    """Quiet hours and caps apply to a single row too."""
    lake = desk.lake
    lake.execute("delete from work.plan")
    lake.execute(
        "insert into work.plan select 'add', row_key, profile_id, identity, ledger_key,"
        " payload_hash, null, null from work.wanted where row_key = ?",
        [row.row_key],
    )
    if waiting := pace.drop_waiting_rows(lake, desk.ledger, sync, now()):
        raise GuardrailTriggered(
            f"{sync.name}: {'; '.join(waiting)}",
            allowed="a time outside of the sync's quiet hours, and fewer rows than its cap",
            remedy="try it later, or with another person",
        )


def _session(
    place: SyncPlace, accounts: Any, run_id: str, tap: Tap, values: Mapping[str, str]
) -> RecordingSession:
    settings = place.opened.settings
    known = replace(place.sync, name=place.sync.known_as)
    return RecordingSession(
        known, values, accounts, settings.outbox / known.name, run_id, secrets=settings.secrets,
        tap=tap,
    )  # fmt: skip


def _row(opened: OpenSync, sync: SyncConfig, who: str | None) -> Row:
    """The person's row of the audience, as the plan would have it; of several the first."""
    lake = opened.lake
    profile = None if who is None else people.profile_named(lake, who)
    place = opened.at(sync)
    gate = gate_of(place)
    standing = Standing(withdrawals.mark(lake))
    standing.withdrawn = withdrawals.find(lake, opened.ledger, sync, gate)
    made = plans.make(lake, opened.ledger, sync, gate, runs.NO_STATE, standing)
    if profile is not None:
        lake.execute("delete from work.wanted where profile_id is distinct from ?", [profile])
    lake.execute("delete from work.wanted where row_key <> (select min(row_key) from work.wanted)")
    chunk = next(plans.wanted_rows(lake, made), [])
    if not chunk:
        raise _not_there(opened, sync, profile)
    row = chunk[0]
    there = lake.execute(
        "select destination_id, identifiers from work.existing where ledger_key = ?",
        [row.ledger_key],
    ).fetchone()
    named = place.destination.identifiers(sync, row.values)
    if sync.mode == "delete":
        return replace(row, operation=Operation.remove, values={})
    if there is None:
        return replace(row, identifiers=named)
    if place.destination.identifying and there[1] is not None and there[1] != named:
        raise UsageError(
            f"{sync.name}: other identifiers of the person were sent, and are to be removed first",
            allowed="a person whose identifiers are those at the tool, or who was never sent",
            remedy=f"try another person, or `segmentry sync apply --select {sync.name}`",
        )
    return replace(row, operation=Operation.update, destination_id=there[0], identifiers=named)


def _not_there(opened: OpenSync, sync: SyncConfig, profile: str | None) -> UsageError:
    if profile is None:
        return UsageError(
            f"{sync.name}: the audience has no row that may leave",
            allowed="an audience with people who may be sent",
            remedy=f"`segmentry sync diff {sync.name}` counts why people are left out",
        )
    name = f"lake.audiences.aud_{sync.name}"
    profile_id = row_profile.sql(tables.column_names(opened.lake, name))
    found = opened.lake.execute(
        f"select count(*) from {name} where {profile_id} = ?", [profile]
    ).fetchone()
    is_in = bool(found and found[0])
    return UsageError(
        f"{sync.name}: the person is "
        + ("in the audience, and may not be sent as of now" if is_in else "not in the audience"),
        allowed="a person of the audience who may be sent",
        remedy=f"`segmentry sync explain {sync.name} {profile}` states why",
    )


def _to_look_at(
    sync: SyncConfig,
    row: Row,
    requests: list[SeenRequest],
    connection: Mapping[str, str],
    has_identifiers: bool,
) -> TrialRow:
    hidden = secrets_of(connection)
    if not has_identifiers:
        names = masking.naming(sync)
        hidden += [str(v) for n, v in row.values.items() if n in names and v is not None]
        hidden += [row.identity, row.profile_id]
    values = dict(row.values) if has_identifiers else masking.row(sync, row.values)
    seen = [
        replace(
            one,
            address=masking.text(one.address, hidden),
            body=masking.text(one.body, hidden),
            answer=_answer(one, hidden, has_identifiers=has_identifiers),
        )
        for one in requests
    ]
    return TrialRow(values, seen)


def _answer(one: SeenRequest, hidden: list[str], *, has_identifiers: bool) -> str:
    if not one.answer:
        return ""
    if has_identifiers:
        return masking.text(one.answer, hidden)
    return masking.answer(one.answer, hidden)
