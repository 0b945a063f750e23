"""Opt-outs read back from the tools that people unsubscribe in: they count before the next request
of any sync leaves.

``consent/opt_outs`` of the policy names the accounts. Each new opt-out becomes a refusal of
marketing that waits (``segmentry.waiting``), and its record lands in the next run. The ledger keeps
how far each account was read, so that a pull asks for new entries alone. A pull that is killed
leaves that as it was, and the next one has the same result.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from activation import credentials
from activation.client import RequestRefused
from activation.destination import MALFORMED
from activation.ledger import tables as t
from activation.ledger.accounts import LedgerAccounts
from activation.ledger.database import Ledger, now
from activation.opt_out import BEGINNING, OVERLAP, OptOut, OptOutReader, OptOutSession, all_readers
from segmentry import configuration, statements, warehouse
from segmentry.errors import (
    ConfigError,
    ConnectionNotConfigured,
    DestinationError,
    SegmentryError,
    UsageError,
)
from segmentry.settings import Settings
from segmentry.statements import Decision, Statement


@dataclass(frozen=True)
class OptOutAccount:
    """One account that opt-outs are read back from. connection: setting to where its value comes
    from.
    """

    name: str
    tool: str
    connection: Mapping[str, str]
    purpose: str


@dataclass(frozen=True)
class Pulled:
    """What one pull did. read: entries; new: opt-outs that count from now on; others: entries that
    are no decision of a person that is named; requests: made for it.
    """

    account: OptOutAccount
    read: int = 0
    new: int = 0
    others: int = 0
    requests: int = 0

    @property
    def note(self) -> str:
        """One line for an operator."""
        others = f"; {self.others:,} other entries (bounces, or nobody named)" * bool(self.others)
        return f"{self.account.name}: {self.new:,} new opt-out(s) read back{others}"


@dataclass
class _Reached:
    """How far an account was read. seen: hashes of the entries that the next pull meets again."""

    since: datetime = BEGINNING
    seen: set[str] = field(default_factory=set)

    def as_json(self) -> str:
        return json.dumps({"since": self.since.isoformat(), "seen": sorted(self.seen)})


def accounts(settings: Settings) -> dict[str, OptOutAccount]:
    """The accounts of the policy by name; ConfigError for one that no reader is for."""
    path = settings.config / "policies.yml"
    readers = all_readers()
    found: dict[str, OptOutAccount] = {}
    for entry in configuration.policies(settings).get("consent", {}).get("opt_outs") or ():
        one = OptOutAccount(
            entry["name"], entry["tool"], entry["connection"], entry.get("purpose", "marketing")
        )
        if one.tool not in readers:
            raise _does_not_fit(f"{path}: consent/opt_outs: no tool '{one.tool}'", readers)
        if one.name in found:
            raise _does_not_fit(f"{path}: consent/opt_outs: two entries '{one.name}'", ["one"])
        strange = sorted(set(one.connection) ^ set(readers[one.tool].settings))
        if strange:
            raise _does_not_fit(
                f"{path}: consent/opt_outs/{one.name}/connection: '{strange[0]}' is missing or not"
                " known",
                readers[one.tool].settings,
            )
        found[one.name] = one
    return found


def _does_not_fit(received: str, allowed: Sequence[str] | Mapping[str, Any]) -> ConfigError:
    return ConfigError(received, allowed=", ".join(allowed), remedy="correct the entry")


def pull(settings: Settings, name: str, *, sleep: Callable[[float], None] | None = None) -> Pulled:
    """Read one account, and have its new opt-outs count. Raises ConnectionNotConfigured,
    DestinationError, or UsageError for a name that the policy does not have.
    """
    account = _named(settings, name)
    reader = all_readers()[account.tool]
    values = {setting: credentials.value(ref) for setting, ref in account.connection.items()}
    missing = [account.connection[setting] for setting, value in values.items() if not value]
    if missing:
        raise ConnectionNotConfigured(
            f"{name}: set {', '.join(credentials.described(one) for one in missing)} to read back",
            allowed="a connection with all its settings",
            remedy="set what is named, then run it again",
        )
    warehouse.prepare(settings)
    with closing(Ledger(settings)) as ledger:
        session = OptOutSession(name, values, LedgerAccounts(ledger), now(), sleep)
        try:
            return _pull(settings, ledger, account, reader, session)
        finally:
            session.close()


def _named(settings: Settings, name: str) -> OptOutAccount:
    known = accounts(settings)
    if name not in known:
        raise UsageError(
            f"there is no account '{name}'",
            allowed=", ".join(known) or "an entry of consent/opt_outs in policies.yml",
            remedy="use one of these names, or add an entry to consent/opt_outs in policies.yml",
        )
    return known[name]


def _pull(
    settings: Settings, ledger: Ledger, account: OptOutAccount, reader: OptOutReader,
    session: OptOutSession,
) -> Pulled:  # fmt: skip
    reached = _reached(ledger, account)
    done = Pulled(account)
    seen: dict[str, datetime] = {}
    for found, others in _pages(reader, session, reached.since - OVERLAP):
        fresh = {one.digest: one for one in found if one.digest not in {*reached.seen, *seen}}
        # An entry that was seen goes on being known for as long as the tool may give it again.
        seen |= {one.digest: one.at or session.started_at for one in found}
        if fresh:
            _refuse(settings, account, list(fresh.values()), session.started_at)
        done = replace(
            done,
            read=done.read + len(found) + others,
            new=done.new + len(fresh),
            others=done.others + others,
        )
    newest = max([reached.since, *(at for at in seen.values() if at <= session.started_at)])
    kept = {
        digest for digest, at in seen.items() if reader.is_whole or at >= _day(newest - OVERLAP)
    }
    _keep(ledger, account, _Reached(newest, kept))
    return replace(done, requests=session.requests)


def _day(at: datetime) -> datetime:
    """The beginning of the day: some tools are asked by whole days."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def _pages(
    reader: OptOutReader, session: OptOutSession, since: datetime
) -> Iterator[tuple[Sequence[OptOut], int]]:
    """The pages, with what may go wrong on the way in our own words."""
    try:
        for page in reader.pages(session, max(since, BEGINNING)):
            yield page.found, page.others
    except RequestRefused as refusal:
        fault = f"the tool refused to be read with status {refusal.status}"
    except MALFORMED as error:
        fault = f"the tool's answer could not be read: {type(error).__name__}"
    else:
        return
    raise DestinationError(
        f"{session.name}: {fault}",
        allowed="answers of the documented shape, for a credential that may read opt-outs",
        remedy="check the connection's address and the rights of its credentials",
    ) from None


def _refuse(
    settings: Settings, account: OptOutAccount, found: Sequence[OptOut], at: datetime
) -> None:
    """Have them count. They are refusals, whatever the tool knows besides."""
    stated = [
        Statement(
            one.kind, one.value, Decision("withdrawn", account.purpose, one.channel),
            min(one.at or at, at), account.name,
        )
        for one in found
    ]  # fmt: skip
    statements.refuse(settings, stated)


def _key(account: OptOutAccount) -> str:
    return f"{account.tool}/{account.name}"


def _reached(ledger: Ledger, account: OptOutAccount) -> _Reached:
    with ledger.begin() as c:
        text = c.execute(
            sa.select(t.opt_out_cursors.c.reached).where(
                t.opt_out_cursors.c.account == _key(account)
            )
        ).scalar()
    if text is None:
        return _Reached()
    content = json.loads(text)
    return _Reached(datetime.fromisoformat(content["since"]), set(content["seen"]))


def _keep(ledger: Ledger, account: OptOutAccount, reached: _Reached) -> None:
    row = {"account": _key(account), "reached": reached.as_json(), "pulled_at": now()}
    with ledger.begin() as c:
        ledger.upsert(c, t.opt_out_cursors, [row])


@dataclass(frozen=True)
class ReadBack:
    """What was read back before a sync sends: a note for each account, and what went wrong."""

    notes: tuple[str, ...] = ()
    faults: tuple[SegmentryError, ...] = ()


def pull_all(settings: Settings) -> tuple[list[Pulled], list[SegmentryError]]:
    """Read every account; one that fails stops no other."""
    done: list[Pulled] = []
    faults: list[SegmentryError] = []
    for name in accounts(settings):
        try:
            done.append(pull(settings, name))
        except SegmentryError as error:
            faults.append(error)
    return done, faults


def before_sending(settings: Settings) -> ReadBack:
    """Read back what is new, so that it counts for the next request. An account that was read less
    than a minute ago is left alone; its fault counts until it is read again.
    """
    notes: list[str] = []
    faults: list[SegmentryError] = []
    for name in accounts(settings):
        place = (str(settings.home), name)
        if _is_due(settings, name):
            _ATTEMPTS[place] = time.monotonic()
            _FAULTS.pop(place, None)
            try:
                notes.append(pull(settings, name).note)
            except SegmentryError as error:
                _FAULTS[place] = error
                notes.append(f"opt-outs were not read back: {error.received}")
        if place in _FAULTS:
            faults.append(_FAULTS[place])
    return ReadBack(tuple(notes), tuple(faults))


# When this process last tried to read an account, and what went wrong: by home and name.
_ATTEMPTS: dict[tuple[str, str], float] = {}
_FAULTS: dict[tuple[str, str], SegmentryError] = {}
_FRESH_SECONDS = 60.0


def _is_due(settings: Settings, name: str) -> bool:
    tried = _ATTEMPTS.get((str(settings.home), name))
    return tried is None or time.monotonic() - tried >= _FRESH_SECONDS
