"""What a destination is: one file of activation/destinations with a DESTINATION, at most 120
lines.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

from activation import addresses, credentials, refusals, uses, values
from activation.client import Accounts, Client, Rate
from activation.model import Batch, Result, Row, RowOutcome, Status
from activation.place_names import PlaceNames as PlaceNames
from activation.tokens import flows
from activation.tokens.flows import SignIn
from activation.tokens.source import TokenSource, source
from segmentry.errors import ConfigError
from segmentry.stages import resolve
from segmentry.sync_config import SyncConfig

# What reading an answer of another shape than the documented one raises.
MALFORMED = (LookupError, TypeError, AttributeError, ValueError)
# Of a place of one's own, and of a router: what is done there, the file alone states.
EVERY_PURPOSE = ("marketing", "advertising", "personalization", "analytics")
EVERY_CHANNEL = ("email", "sms", "push", "ads", "any")
# Settings that change while the account stays.
CREDENTIALS = frozenset(
    {
        "api_key", "token", "secret", "password", "key_file", "client_id", "client_secret",
        "refresh_token", "private_key", "service_account", "username", *flows.ADDRESSES,
    }
)  # fmt: skip


@dataclass(frozen=True)
class DestinationSession:
    """What a destination is given for one run: the sync, its connection's values, a client, and
    where files go. secrets: the folder that every process finds a token in; None for none.
    """

    sync: SyncConfig
    connection: Mapping[str, str] = field(repr=False)
    accounts: Accounts
    folder: Path
    run_id: str
    clients: dict[str, Client] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kept: dict[str, Any] = field(default_factory=dict)  # by the destination, for this run
    # Each gives why each of the rows may not be added as of now, or ''; see may_be_added().
    gates: list[Callable[[Sequence[Row]], Sequence[str]]] = field(default_factory=list)
    # Called before each attempt of each request; see watching().
    checks: list[Callable[[], None]] = field(default_factory=list)
    secrets: Path | None = None

    def option(self, name: str, default: Any = None) -> Any:
        """An option of the sync's file."""
        return self.sync.options.get(name, default)

    def http(self, headers: Mapping[str, str], rate: Rate | None, **parts: Any) -> Client:
        """The client of the connection's address, made once; its rate is shared by all who use the
        same credentials.
        """
        if "http" not in self.clients:
            known = "\n".join(
                [self.sync.destination, *(f"{k}={v}" for k, v in sorted(self.connection.items()))]
            )
            account = f"{self.sync.destination}:{hashlib.sha256(known.encode()).hexdigest()[:16]}"
            url = parts.pop("url", None) or self.connection["url"]
            self.clients["http"] = Client(
                url,
                accounts=self.accounts,
                account=account,
                headers=headers,
                rate=self.rate(rate),
                before=self.ask_consent,
                **parts,
            )
        return self.clients["http"]

    def signed_http(self, sign_in: SignIn, rate: Rate | None, **parts: Any) -> Client:
        """The same client, which carries a token that the tool gives: fetched before the first
        request, replaced before its end and once after a 401.
        """
        if "http" not in self.clients:
            tokens = self.tokens(sign_in)
            parts["authorize"] = tokens.headers
            parts |= {} if tokens.is_pasted else {"renew": tokens.renewed}
        return self.http({}, rate, **parts)

    def tokens(self, sign_in: SignIn) -> TokenSource:
        """Where the token comes from."""

        def make(address: str) -> Client:
            account = f"tokens:{hashlib.sha256(address.encode()).hexdigest()[:16]}"
            return Client(address, accounts=self.accounts, account=account)

        return source(sign_in, self.connection, self.secrets, make, self.notes)

    def other(self, address: str) -> Client:
        """A client of an address that the tool named, made once, without the credentials."""
        if address not in self.clients:
            account = f"{self.sync.destination}:{address}"
            self.clients[address] = Client(address, accounts=self.accounts, account=account)
        return self.clients[address]

    @property
    def requests(self) -> int:
        """Requests made so far."""
        return sum(client.requests for client in self.clients.values())

    @property
    def may_have_written(self) -> bool:
        """Whether a request since begin() may have been taken."""
        return any(client.may_have_written for client in self.clients.values())

    def begin(self) -> None:
        """The requests of another batch begin."""
        for client in self.clients.values():
            client.may_have_written = False

    @contextmanager
    def watching(self, check: Callable[[], None]) -> Iterator[None]:
        """Have the check, which may raise ConsentChanged, called before each attempt meanwhile."""
        self.checks.append(check)
        try:
            yield
        finally:
            self.checks.remove(check)

    def may_be_added(self, rows: Sequence[Row]) -> list[Row]:
        """The rows that may be added as of now: a poll that writes asks, as a job takes time."""
        for gate in self.gates:
            rows = [row for row, why in zip(rows, gate(rows), strict=True) if not why]
        return list(rows)

    def ask_consent(self) -> None:
        """Ask right before rows leave, by raising ConsentChanged; the client does so by itself."""
        for check in self.checks:
            check()

    def close(self) -> None:
        """Close the clients."""
        for client in self.clients.values():
            client.close()

    def rate(self, default: Rate | None) -> Rate | None:
        """The sync's own limit, or the vendor's."""
        limits = self.sync.limits
        return default if limits.requests is None else Rate(limits.requests, limits.seconds)


class Destination(ABC):
    """Sends rows to one kind of tool.

    settings: what the connection must name. optional_settings: what it may. batch_rows: most rows
    of one request. batch_bytes: most bytes of their JSON. rate: the vendor's limit. options: names
    the sync's options may have. cost_unit: what the vendor charges for. is_snapshot: it takes the
    whole audience at once (files). updates_only: it can keep from creating people. is_repeatable:
    False where the same call twice is two messages. grains: what a row may represent; a list of
    people knows each person once. job_seconds: how long a request that was taken, and whose job's
    id was lost, may go on there. bulk_keeps_nulls: its bulk call leaves the old value where a NULL
    is sent. sends_changes: it charges for each value, and gets of an update what has changed alone.
    ends_later: it answers Accepted, and the next runs ask how each request ended.
    purposes, channels: what it is for; consent for anything else is no consent for it.
    identifying: where it keeps a row under each of several identifiers, those of which each alone
    names a person there: a removal repeats all that were sent. request_errors: the vendor's codes
    that no row can cause; a sync stops at them.
    names_syncs: what is sent names its sync, so that the rows of two syncs at one place are apart.
    place: what names the place of the rows; None for all settings but credentials, the account by
    its url, and every option.
    forms: how it writes dates, times and numbers. sign_in: how it gives tokens; None for keys.

    A batch never has two rows of one person, and it has removals alone or none.
    """

    settings: ClassVar[tuple[str, ...]] = ()
    optional_settings: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[tuple[str, ...]] = ()
    batch_rows: ClassVar[int] = 100
    batch_bytes: ClassVar[int] = 4_000_000
    rate: ClassVar[Rate | None] = None
    cost_unit: ClassVar[str] = "requests"
    is_snapshot: ClassVar[bool] = False
    updates_only: ClassVar[bool] = False
    is_repeatable: ClassVar[bool] = True
    grains: ClassVar[tuple[str, ...]] = ("profile",)
    job_seconds: ClassVar[float] = 0.0
    bulk_keeps_nulls: ClassVar[bool] = False
    sends_changes: ClassVar[bool] = False
    ends_later: ClassVar[bool] = False
    identifying: ClassVar[tuple[str, ...]] = ()
    request_errors: ClassVar[frozenset[str]] = frozenset()
    forms: ClassVar[str] = values.AS_JSON
    purposes: ClassVar[tuple[str, ...]] = ()
    channels: ClassVar[tuple[str, ...]] = ()
    names_syncs: ClassVar[bool] = False
    place: ClassVar[PlaceNames | None] = None
    manual: ClassVar[str] = ""  # its text in the reference; '' for that of its file
    sign_in: ClassVar[SignIn | None] = None

    @property
    def known_settings(self) -> tuple[str, ...]:
        """What a connection may name."""
        by_flows = self.sign_in.settings if self.sign_in else ()
        return tuple(dict.fromkeys([*self.settings, *self.optional_settings, *by_flows]))

    def needed_settings(self, named: Collection[str]) -> tuple[str, ...]:
        """What a connection that names these must have a value for."""
        return flows.needed(self.settings, self.sign_in, named)

    @property
    def place_names(self) -> PlaceNames:
        """What names the place of the rows, stated or not."""
        if self.place is not None:
            return self.place
        names = tuple(name for name in self.settings if name not in CREDENTIALS)
        by_url = tuple(name for name in names if name == "url")
        return PlaceNames(names, by_url, dict.fromkeys(self.options, ""))

    @abstractmethod
    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Bring these people to these values. Raises client.RequestRefused when the whole batch was
        refused.
        """

    @abstractmethod
    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Remove these people from the audience; never unsubscribe them. A person who is not in it
        counts as sent.
        """

    def identifiers(self, sync: SyncConfig, values: Mapping[str, Any]) -> str | None:
        """What names a row of these values there, as the tool gets it: a text of
        ``addresses.as_identifiers``, which the ledger keeps and ``remove`` finds in the row; None
        where the key alone names it. For destinations with ``identifying``.
        """
        return None

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """Requests that one batch of so many rows takes when all goes well, look-ups and second
        calls included.
        """
        return 1

    def rows_of_request(self, sync: SyncConfig) -> int:
        """Most rows of one request of the sync."""
        return self.batch_rows

    def poll(self, session: DestinationSession, batch: Batch, job_id: str) -> Result:
        """The job's outcomes, or Pending again; for destinations that answer with jobs. After
        Accepted: Accepted again, or the outcomes of those rows alone that did not arrive.
        """
        raise NotImplementedError

    def replace(self, session: DestinationSession, rows: Iterator[Row]) -> int:
        """Write the whole audience; give the number of rows. For destinations that take
        snapshots.
        """
        raise NotImplementedError

    def withdraw(self, session: DestinationSession, identities: Collection[str]) -> None:
        """Write what was delivered last again, without these people. For destinations that take
        snapshots.
        """
        raise NotImplementedError

    def read_back(self, session: DestinationSession) -> Iterator[str] | None:
        """Identities in the destination's audience, or None if it cannot be read."""
        return None

    def members(self, session: DestinationSession) -> Iterator[str] | None:
        """What read_back gives, with what may go wrong on the way in our own words."""
        found = self.read_back(session)
        return None if found is None else refusals.in_our_words(found, MALFORMED)

    def invalid(self, row: Row) -> str:
        """Why the row cannot be sent at all, or ''."""
        email = row.values.get("email")
        if email is not None and not addresses.is_email(str(email)):
            return "email is not an address"
        phone = row.values.get("phone_number")
        if phone is not None and not addresses.is_phone(str(phone)):
            return "phone_number is not E.164"
        return "" if row.identity else "the key is empty"

    def check_addition(self, sync: SyncConfig) -> None:  # noqa: B027
        """Raise ConfigError where nobody can be added by the sync's file.

        An earlier version may have taken the file: people leave by it all the same.
        """

    def check(self, sync: SyncConfig) -> None:
        """Raise ConfigError where the sync's file does not fit this destination."""
        unknown = sorted(set(sync.options) - set(self.options))
        strange = sorted(set(sync.connection) - set(self.known_settings))
        if unknown or strange:
            place, name = ("options", unknown[0]) if unknown else ("connection", strange[0])
            known = self.options if unknown else self.known_settings
            raise ConfigError(
                f"{sync.path}: {place}/{name} is not known to the destination '{sync.destination}'",
                allowed=", ".join(known) or "none",
                remedy="correct or remove it",
            )
        if sync.grain not in self.grains:
            raise ConfigError(
                f"{sync.path}: the destination '{sync.destination}' takes no audience/grain"
                f" '{sync.grain}'",
                allowed=", ".join(self.grains),
                remedy="use another grain or another destination",
            )
        if (sync.mode == "update" and not self.updates_only) or (
            sync.mode == "delete" and self.is_snapshot
        ):
            raise ConfigError(
                f"{sync.path}: mode '{sync.mode}', which the destination '{sync.destination}'"
                " cannot keep to",
                allowed="insert, upsert, mirror or append",
                remedy="use another mode",
            )


def by_index(batch: Batch, errors: Mapping[int, str]) -> list[RowOutcome]:
    """Outcomes of a batch of which the rows at these places were refused, with reasons."""
    return [
        RowOutcome(row, Status.rejected, errors[i]) if i in errors else RowOutcome(row, Status.sent)
        for i, row in enumerate(batch.rows)
    ]


def given(row: Row, sync: SyncConfig) -> dict[str, Any]:
    """The row's values as JSON has them, without those that are NULL and to be left alone."""
    left = sync.left_alone
    found = {name: values.for_json(value) for name, value in row.values.items()}
    if not left:
        return found
    return {name: value for name, value in found.items() if value is not None or name not in left}


def all_destinations() -> dict[str, Destination]:
    """Every destination by the name of its file, in Python or described in config/destinations."""
    # By its name, as what it finds is made of the classes above.
    found = resolve("activation.generic.folder:all_destinations")()
    return cast("dict[str, Destination]", found)


def of(sync: SyncConfig) -> Destination:
    """The sync's destination, after its file was checked against it, and that the tool is for its
    use.
    """
    destination = _named(sync)
    uses.check(sync, destination.purposes, destination.channels)
    uses.check_no_consent(sync)
    uses.check_live(sync, destination.is_snapshot)
    destination.check(sync)
    destination.check_addition(sync)
    return destination


def to_withdraw_from(sync: SyncConfig) -> Destination:
    """The destination of a sync of which nobody is added any more: an earlier version may have sent
    for a use that is refused now, and people leave from there all the same.
    """
    destination = _named(sync)
    destination.check(sync)
    return destination


def _named(sync: SyncConfig) -> Destination:
    found = all_destinations()
    if sync.destination not in found:
        raise ConfigError(
            f"{sync.path}: there is no destination '{sync.destination}'",
            allowed=", ".join(found),
            remedy="use one of these, or add config/destinations/<name>.yml",
        )
    return found[sync.destination]


def connection_values(
    sync: SyncConfig, destination: Destination
) -> tuple[dict[str, str], list[str]]:
    """Values of the connection's settings, and the names of those that are needed and missing."""
    found = {}
    missing = []
    needed = destination.needed_settings(sync.connection)
    for setting in destination.known_settings:
        reference = sync.connection.get(setting)
        value = credentials.value(reference) if reference else ""
        if value:
            found[setting] = value
        elif setting in needed:
            missing.append(
                credentials.described(reference) if reference else f"connection/{setting}"
            )
    return found, missing
