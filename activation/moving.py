"""A sync whose rows are at another place than its file and its connection name now.

Another account, list, key, attribute or tool is another place. The rows are removed from where they
are before the new place is filled. The engine, ``sync plan`` and ``sync status`` ask for it here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from activation import credentials, expected_requests, places, sharing, withdrawals
from activation import plan as plans
from activation.desk import Desk, gate_of, sender_at
from activation.destination import connection_values
from activation.ledger import deployed, destination_rows, open_requests, runs
from activation.ledger.deployed import DeployedSync
from activation.opened import OpenSync, SyncPlace
from activation.places import WrittenPlace
from activation.plan import SyncPlan
from activation.send.sender import Sender
from segmentry.errors import ConfigError, ConnectionNotConfigured, DestinationError
from segmentry.sync_config import SyncConfig

# Words of `--release`, which guardrails.NAMES has too: the rows are left where they are; the place
# is the same under a new key.
LEAVE = "former_place"
SAME = "same_place"


@dataclass(frozen=True)
class PlaceChange:
    """What has to happen before a sync can go on at another place.

    now: the new place. former: where the rows are; None if it cannot be reached. differing: names
    of what differs. rows: how many rows are there, or may be.
    """

    known: DeployedSync
    now: SyncPlace
    before: WrittenPlace
    former: SyncPlace | None
    differing: tuple[str, ...]
    rows: int

    @property
    def name(self) -> str:
        """The sync's name."""
        return self.now.sync.name

    @property
    def is_forgotten(self) -> bool:
        """Whether nothing is to be removed: rows of simulated tools that have ended, or of a sync
        that removes people and has put nobody there.
        """
        is_ended = self.former is None and self.before.is_simulated
        return is_ended or not self.rows or self.known.sync.mode == "delete"

    @property
    def may_be_same(self) -> bool:
        """Whether only what names the account differs, as when a key was replaced."""
        names = {*self.before.account, *self.now.written.account}
        return set(self.differing) <= names and not self.before.is_simulated

    @property
    def is_elsewhere(self) -> bool:
        """Whether the new place is another list or tool, of which the members are not known."""
        names = self.now.destination.place_names
        others = {"destination", "named", *names.settings, *names.account}
        return bool(others & set(self.differing))

    @property
    def words(self) -> str:
        """What has changed, for notes."""
        return f"{', '.join(self.differing)} changed since its rows were sent"

    @property
    def note(self) -> str:
        """What the next run does about it."""
        if self.is_forgotten:
            where = "they went to simulated tools, and " if self.before.is_simulated else ""
            return f"{self.words}: {where}every row is sent to the new place"
        if self.former is None:
            return f"{self.words}: {self.rows:,} row(s) are at a place that cannot be reached"
        return (
            f"{self.words}: {self.rows:,} row(s) are removed from the former place, then every row"
            " is sent to the new one"
        )

    def unreachable(self) -> ConnectionNotConfigured:
        """What is raised where rows cannot be removed."""
        what = f"{self.words}, {self.rows:,} row(s) are at the former place"
        error = unreachable(self.known, what)
        others = f"`segmentry sync apply --select {self.name} --release {LEAVE}` leaves them there"
        if self.may_be_same:
            others += f"; `--release {SAME}` if a key of the same account was replaced"
        return ConnectionNotConfigured(
            error.received, allowed=error.allowed, remedy=f"{error.remedy}; or {others}"
        )


def find(opened: OpenSync, sync: SyncConfig, known: DeployedSync | None) -> PlaceChange | None:
    """The move that the sync's file and connection ask for; None where its rows are there already,
    or nothing is known of them.
    """
    now = opened.at(sync)
    if known is None:
        return None
    before = recorded_place(opened, known)
    if not (differing := before.differing(now.written)):
        return None
    rows = destination_rows.count(opened.ledger, sync.name)
    if open_requests.is_open(opened.ledger, sync.name):
        rows = max(rows, 1)
    former = former_place(opened, known)
    return PlaceChange(known, now, before, former, tuple(differing), rows)


def announced(opened: OpenSync, sync: SyncConfig) -> PlaceChange | None:
    """The move that the next run makes; None too where the new place cannot be reached."""
    if opened.at(sync).missing:
        return None
    return find(opened, sync, deployed.of(opened.ledger, sync.name))


def recorded_place(opened: OpenSync, known: DeployedSync) -> WrittenPlace:
    """Where the rows are. An older ledger does not state it: what the configuration of the rows
    names now counts.
    """
    if known.place is not None:
        return known.place
    try:
        return opened.at(known.sync).written
    except ConfigError:  # the destination is not known any more
        return WrittenPlace({"destination": known.sync.destination}, {})


def former_place(opened: OpenSync, known: DeployedSync) -> SyncPlace | None:
    """The place of the rows, with a connection that is known to reach it; None without one.

    It is that of the present credentials, or of the variables with the suffix ``_FORMER``, if they
    name the account of the rows. By a key of another account nobody is found there, and a tool
    answers a removal of nobody like any other.
    """
    recorded = recorded_place(opened, known)
    try:
        destination = opened.at(known.sync).destination
    except ConfigError:
        return None
    present = connection_values(known.sync, destination)[0]
    kept = {name: value for name, value in places.kept_values(recorded).items() if value}
    for values in ({**present, **kept}, {**present, **_former_values(known.sync), **kept}):
        place = opened.at(known.sync, values)
        is_account = place.written.account == recorded.account
        if not place.missing and is_account and not recorded.differing(place.written):
            return place
    return None


def _former_values(sync: SyncConfig) -> Mapping[str, str]:
    found = {
        setting: credentials.value(credentials.former(reference))
        for setting, reference in sync.connection.items()
    }
    return {setting: value for setting, value in found.items() if value}


def unreachable(known: DeployedSync, what: str) -> ConnectionNotConfigured:
    """Rows have to be removed and nothing is known by which their place is reached."""
    sync = known.sync
    named = [
        f"{credentials.described(reference)} (or {credentials.described(former)})"
        for setting, reference in sync.connection.items()
        if (former := credentials.former(reference))
        and (known.place is None or setting not in places.kept_values(known.place))
    ]
    return ConnectionNotConfigured(
        f"{sync.name}: {what}, and it cannot be reached",
        allowed=f"the connection to {sync.destination} that the rows were sent with",
        remedy=f"set {', '.join(named)} to the former value, then run it again",
    )


def empty(desk: Desk, place: SyncPlace) -> int:
    """Remove every row of the sync from the place; return how many are still there, or may be."""
    with sender_at(desk, place) as sender:
        sender.recover()
        return emptied(desk, sender)


def emptied(desk: Desk, sender: Sender) -> int:
    """The same with a sender whose requests of earlier runs are at their end."""
    sync = sender.sync
    found = withdrawals.find(desk.lake, desk.ledger, sync, sender.gate, is_all=True)
    kept = sharing.keep_in_withdrawn(desk.lake, desk.ledger, sender.others, sender.destination)
    if kept:
        sender.forget_kept()
        found -= kept
    desk.run.planned["remove"] += found
    if found:
        sender.withdraw(found)
    left = destination_rows.count(desk.ledger, sync.name)
    return left or int(open_requests.is_open(desk.ledger, sync.name))


def is_same(move: PlaceChange, release: Collection[str]) -> bool:
    """Whether an operator has confirmed that a key of the same account was replaced."""
    return SAME in release and move.may_be_same


def require_answer(move: PlaceChange, release: Collection[str]) -> None:
    """Raise where the rows cannot be removed and no operator has decided about them."""
    is_decided = move.is_forgotten or is_same(move, release) or LEAVE in release
    if move.former is None and not is_decided:
        raise move.unreachable()


def leave(desk: Desk, move: PlaceChange, release: Collection[str]) -> None:
    """Remove the rows from the former place, and record the new one.

    A kill before the end leaves the former place recorded: the next run removes what is left there.
    """
    ledger = desk.ledger
    sync = move.now.sync
    if is_same(move, release):
        desk.run.notes.append(f"{move.words}: it is the same place")
        deployed.keep(ledger, move.known.sync, None, move.now.written)
    elif move.is_forgotten:
        desk.run.notes.append(move.note)
        deployed.move(ledger, sync, move.now.written)
    else:
        desk.run.notes.append(move.note)
        _leave(desk, move, release)
    desk.known = deployed.of(ledger, sync.name)


def _leave(desk: Desk, move: PlaceChange, release: Collection[str]) -> None:
    sync = move.now.sync
    error: Exception | None = None
    if move.former is None:
        error = move.unreachable()
    else:
        withdrawn = desk.run.withdrawn
        try:
            if left := empty(desk, move.former):
                error = _still_there(sync, left)
        except DestinationError as failed:
            error = _not_emptied(sync, failed)
        desk.run.withdrawn = withdrawn
    if error is None:
        deployed.move(desk.ledger, sync, move.now.written)
        return
    if LEAVE not in release:
        raise error
    orphan = deployed.abandon(desk.ledger, move.known, sync, move.now.written)
    desk.run.notes.append(
        f"rows were left at the former place, as the orphaned sync {orphan}: people who opt out are"
        " removed there as soon as it can be reached"
    )


def _still_there(sync: SyncConfig, left: int) -> DestinationError:
    return DestinationError(
        f"{sync.name}: {left:,} row(s) are still at the former place",
        allowed="a new place, when the former one has no row of the sync",
        remedy=f"run it again; or `segmentry sync apply --select {sync.name} --release {LEAVE}`"
        " leaves them there",
    )


def _not_emptied(sync: SyncConfig, error: DestinationError) -> DestinationError:
    return DestinationError(
        f"{sync.name}: its rows could not be removed from the former place: {error.received}",
        allowed=error.allowed,
        remedy=f"{error.remedy or 'run it again'}; or `segmentry sync apply --select {sync.name}"
        f" --release {LEAVE}` leaves them there",
    )


def planned(opened: OpenSync, place: SyncPlace) -> SyncPlan:
    """The plan; that of the new place, with the rows of the former one as removals, where the sync
    moves.
    """
    sync = place.sync
    ledger = opened.ledger
    move = announced(opened, sync)
    if move is None:
        made = plans.make(opened.lake, ledger, sync, place.gate(), runs.state(ledger, sync.name))
        shared = sharing.others(ledger, sync, place.destination, place.written)
        sharing.keep_in_plan(opened.lake, ledger, shared, place.destination, made)
        return made
    former = (0, 0, 0)
    if move.former is not None and not move.is_forgotten:
        former = _emptying(opened, move.former)
    standing = plans.Standing(withdrawals.mark(opened.lake), is_moving=True)
    made = plans.make(opened.lake, ledger, sync, place.gate(), runs.NO_STATE, standing)
    made.withdrawn = 0
    made.left_behind, kept, made.former_requests = former
    if move.former is not None:
        made.former_minutes = expected_requests.minutes(
            move.former.sync, move.former.destination, made.former_requests
        )
    if not move.is_elsewhere:  # its members are rows of this sync
        made.is_first_run = False
    notes = [move.note, *([f"{kept:,} row(s) stay there: other syncs have them too"] * bool(kept))]
    made.notes = [*notes, *made.notes]
    return made


def _emptying(opened: OpenSync, place: SyncPlace) -> tuple[int, int, int]:
    sync = place.sync
    gate = gate_of(place)

    def find(is_all: bool) -> int:
        return withdrawals.find(opened.lake, opened.ledger, sync, gate, is_all=is_all)

    others = sharing.others(opened.ledger, sync, place.destination, place.written)
    return expected_requests.of_emptying(
        opened.lake, opened.ledger, sync, place.destination, others, find
    )
