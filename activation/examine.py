"""What keeps a sync from sending, found before it sends: credentials, rights, the list or audience,
its fields and their types. ``segmentry sync test`` and ``segmentry doctor`` ask it.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from activation import refusals
from activation.checks._base import DestinationCheck, NoSuchAudience, fits
from activation.client import Rate, RequestRefused, Unanswered
from activation.credentials import described
from activation.destination import MALFORMED, DestinationSession
from activation.destination import of as destination_of
from activation.ledger.accounts import LedgerAccounts
from activation.ledger.database import exists
from activation.opened import OpenSync, SyncPlace, open_sync
from activation.recording import AskingSession
from segmentry import discovery, sync_files
from segmentry.errors import DestinationError, SegmentryError, UsageError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig

FINE = "fine"
FAULT = "fault"
NOT_ASKED = "not asked"
_NEAR = 0.6  # of difflib, from 0 to 1


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check. todo: what to do about a fault."""

    check: str
    verdict: str
    detail: str
    todo: str = ""

    @property
    def words(self) -> str:
        """For one line."""
        return f"{self.check}: {self.detail}" + (f"; {self.todo}" if self.todo else "")


def check_of(sync: SyncConfig) -> DestinationCheck:
    """How the sync's tool is asked; one that has no file cannot be asked."""
    found = discovery.members("activation.checks", "CHECK", DestinationCheck)
    return found.get(sync.destination, DestinationCheck())


def answers(opened: OpenSync, sync: SyncConfig) -> list[CheckResult]:
    """Every check of the sync, in order. What a fault makes impossible is not asked."""
    destination_of(sync)
    place = opened.at(sync)
    check = check_of(sync)
    missing = _missing(place)
    with asking(place) as session:
        signed = missing or _signed_in(session, place)
        found = [signed]
        if signed.verdict == FAULT:
            return found
        audience = _audience(session, check)
        found.append(audience)
        if audience.verdict != FAULT or audience.todo.startswith(_CREATE):
            found += _fields(session, check)
        found += [CheckResult("note", FAULT, note) for note in session.notes]
    return found


def faults(settings: Settings) -> tuple[int, list[str]]:
    """How many enabled syncs have all their credentials, and what is wrong with them at their
    tools. One without credentials is not configured, which is no fault.
    """
    asked = 0
    found = []
    for sync in sync_files.load(settings).values():
        with open_sync(settings, sync.name) as opened:
            if not sync.is_enabled or opened.at(sync).missing:
                continue
            asked += 1
            wrong = [one for one in answers(opened, sync) if one.verdict == FAULT]
        found += [f"{sync.name}: {one.words}" for one in wrong]
    return asked, found


def create(opened: OpenSync, sync: SyncConfig) -> CheckResult:
    """Make the list of the sync, named as the sync is, where the connection names none that exists.
    A list of that name is taken over: a repetition makes no second one.
    """
    place = opened.at(sync)
    check = check_of(sync)
    if not check.can_create:
        raise UsageError(
            f"{sync.name}: a {check.word} at '{sync.destination}' cannot be made from here",
            allowed="a destination whose tool lets one be made by its name alone",
            remedy=f"make it at the tool, then set connection/{check.setting}",
        )
    with asking(place) as session:
        if (signed := _signed_in(session, place)).verdict == FAULT:
            return signed
        try:
            if check.setting in session.connection and _exists(session, check):
                return CheckResult(check.word, FINE, "it exists already; nothing was made")
            known = check.find(session, sync.known_as)
            made = known or check.create(session, sync.known_as)
        except RequestRefused as refusal:
            return _refused(check.word, refusal)
        except MALFORMED as error:
            return _unreadable(check.word, error)
    word = "exists under that name" if known else "was made"
    reference = sync.connection.get(check.setting, f"connection/{check.setting}")
    todo = "" if check.setting == "url" else f"set {described(reference)} to {made}"
    return CheckResult(check.word, FINE, f"'{sync.known_as}' {word}: {made}", todo)


class _Uncounted:
    """Accounts without a ledger: a handful of questions needs no shared pace."""

    def wait(self, account: str, rate: Rate | None, sleep: Callable[[float], None]) -> None:
        """Nothing to wait for."""

    def failed(self, account: str) -> None:
        """Nothing to count."""

    def succeeded(self, account: str) -> None:
        """Nothing to forget."""


@contextmanager
def asking(place: SyncPlace) -> Iterator[DestinationSession]:
    """A session that asks. Settings that are missing are an empty text."""
    settings = place.opened.settings
    # To look at a tool makes no ledger.
    accounts = LedgerAccounts(place.opened.ledger) if exists(settings) else _Uncounted()
    session = AskingSession(
        place.sync, place.values, accounts, settings.outbox / place.sync.known_as, "check",
        secrets=settings.secrets,
    )  # fmt: skip
    try:
        yield session
    finally:
        session.close()


def _missing(place: SyncPlace) -> CheckResult | None:
    if not place.missing:
        return None
    return CheckResult(
        "credentials", FAULT, "a setting has no value", f"set {', '.join(place.missing)}"
    )


def _signed_in(session: DestinationSession, place: SyncPlace) -> CheckResult:
    """Whether a token can be had. Keys are known by the first answer of the tool."""
    sign_in = place.destination.sign_in
    if sign_in is None:
        return CheckResult("credentials", FINE, "all are set")
    tokens = session.tokens(sign_in)
    try:
        tokens.headers()
    except SegmentryError as error:
        return CheckResult("credentials", FAULT, error.received, error.remedy)
    return CheckResult("credentials", FINE, f"all are set; signs in by {tokens.flow.name}")


_CREATE = "make it"


def _audience(session: DestinationSession, check: DestinationCheck) -> CheckResult:
    try:
        found = check.audience(session)
    except NoSuchAudience:
        return _no_audience(session, check)
    except RequestRefused as refusal:
        if _is_missing(refusal, check):
            return _no_audience(session, check)
        return _refused(check.word, refusal)
    except MALFORMED as error:
        return _unreadable(check.word, error)
    except SegmentryError as error:
        return CheckResult(check.word, FAULT, error.received, _rights(error))
    if found is None:
        return CheckResult(check.word, NOT_ASKED, "this tool cannot be asked")
    if found.fault:
        return CheckResult(check.word, FAULT, f"'{found.name}': {found.fault}", "name another one")
    return CheckResult(check.word, FINE, f"'{found.name}' exists")


def _is_missing(refusal: RequestRefused, check: DestinationCheck) -> bool:
    return refusal.status == 404 or bool(refusals.read(refusal).codes & check.missing_codes)


def _no_audience(session: DestinationSession, check: DestinationCheck) -> CheckResult:
    how = f"by `segmentry sync test {session.sync.name} --create`" if check.can_create else "there"
    words = f"{_CREATE} {how}, or correct connection/{check.setting}"
    return CheckResult(check.word, FAULT, f"the {check.word} does not exist at the tool", words)


def _exists(session: DestinationSession, check: DestinationCheck) -> bool:
    try:
        return check.audience(session) is not None
    except NoSuchAudience:
        return False
    except RequestRefused as refusal:
        if _is_missing(refusal, check):
            return False
        raise


def _rights(error: SegmentryError) -> str:
    if isinstance(error, Unanswered):
        return "look at the tool's status page and the connection's address"
    return error.remedy or "correct it, then ask again"


def _fields(session: DestinationSession, check: DestinationCheck) -> list[CheckResult]:
    try:
        known = check.fields(session)
    except RequestRefused as refusal:
        return [_refused("fields", refusal)]
    except DestinationError as error:
        return [CheckResult("fields", FAULT, error.received, _rights(error))]
    except MALFORMED as error:
        return [_unreadable("fields", error)]
    if known is None:
        return [CheckResult("fields", NOT_ASKED, "this tool takes any field, or cannot be asked")]
    by_lower = {name.lower(): name for name in known}
    faults = []
    for column in session.sync.columns:
        field = check.field_of(session, column)
        if field is None:
            continue
        there = by_lower.get(field.lower())
        if there is None:
            if not check.takes_new_fields:
                faults.append(_no_field(column.name, field, list(known)))
        elif not fits(known[there], column):
            faults.append(
                CheckResult(
                    f"columns/{column.name}", FAULT,
                    f"the field '{there}' is a {known[there]}, the column a {column.type}",
                    "state another `type`, or map another column",
                )
            )  # fmt: skip
    return faults or [CheckResult("fields", FINE, "every column has a field of a fitting type")]


def _no_field(column: str, field: str, known: list[str]) -> CheckResult:
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(field.lower(), list(by_lower), n=3, cutoff=_NEAR)
    names = ", ".join(f"'{by_lower[name]}'" for name in near)
    todo = f"did you mean {names}? else make the field at the tool" if near else "make it there"
    return CheckResult(f"columns/{column}", FAULT, f"the tool has no field '{field}'", todo)


def _refused(name: str, refusal: RequestRefused) -> CheckResult:
    reason = f"the tool refused to be asked with {refusals.read(refusal)}"
    return CheckResult(name, FAULT, reason, "correct what the reason names")


def _unreadable(name: str, error: Exception) -> CheckResult:
    words = f"the answer could not be read: {type(error).__name__}"
    return CheckResult(name, FAULT, words, "check the connection's address")
