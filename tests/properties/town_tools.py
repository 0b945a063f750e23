"""The two tools of a town of the test, and the end of a process at any transaction or request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from activation import places
from activation.client import RequestRefused
from activation.destination import Destination, DestinationSession, PlaceNames
from activation.ledger.database import Ledger
from activation.model import Batch, Result, all_sent
from tests.unit.test_sync_config import sync as config_of

ACCOUNTS = ("red", "blue", "green")
Place = tuple[str, str]


class Killed(BaseException):
    """The process ends."""


@dataclass
class Life:
    """When the process ends: at this event of those that it counts, or never for 0."""

    events: int = 0
    at: int = 0

    def count(self) -> None:
        """A transaction or a request begins or ends."""
        self.events += 1
        if self.at and self.events >= self.at:
            raise Killed


@dataclass
class Tools:
    """What every account has, by place."""

    there: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    life: Life = field(default_factory=Life)

    def change(self, place: Place, add: set[str], remove: set[str]) -> None:
        """One request, before or after which the process may end."""
        self.life.count()
        self.there[place] |= add
        self.there[place] -= remove
        self.life.count()


class _Tool(Destination):
    purposes = ("marketing",)
    channels = ("email",)
    batch_rows = 2
    settings: ClassVar[tuple[str, ...]] = ("url", "api_key")

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Add the rows."""
        self.tools.change(self.at(session, batch), {row.identity for row in batch.rows}, set())
        return all_sent(batch.rows)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Remove the rows."""
        self.tools.change(self.at(session, batch), set(), {row.identity for row in batch.rows})
        return all_sent(batch.rows)

    def at(self, session: DestinationSession, batch: Batch) -> Place:
        """The place that the connection reaches."""
        raise NotImplementedError


class Lists(_Tool):
    """Lists, of which each belongs to an account."""

    settings = ("url", "api_key", "list_id")
    place = PlaceNames(("url", "list_id"), ("url", "api_key"))

    def at(self, session: DestinationSession, batch: Batch) -> Place:
        """The list."""
        account = session.connection["api_key"].partition("-")[0]
        wanted = session.connection["list_id"]
        if not wanted.startswith(account) and not batch.is_removal:
            raise RequestRefused(404)
        return account, wanted


class Attributes(_Tool):
    """Attributes of people."""

    options = ("attribute",)
    place = PlaceNames(("url", "api_key"), ("url", "api_key"), {"attribute": "in_{sync}"})

    def at(self, session: DestinationSession, batch: Batch) -> Place:
        """The attribute."""
        account = session.connection["api_key"].partition("-")[0]
        return account, session.option("attribute", f"in_{session.sync.name}")


_ANY = config_of(destination="attributes")


def url_of(account: str) -> str:
    """Two accounts have one address, as at most tools."""
    return f"https://{'us' if account == 'green' else 'eu'}.example.com"


def key_of(account: str) -> str:
    return f"{account}-k3y"


@contextmanager
def ending_at(monkeypatch: pytest.MonkeyPatch, life: Life, kill_at: int) -> Iterator[None]:
    """Count transactions and requests; end the process at one, after which none follows."""
    begin = Ledger.begin
    life.events = 0
    life.at = kill_at

    @contextmanager
    def counted(self: Ledger) -> Iterator[Any]:
        life.count()
        with begin(self) as connection:
            yield connection

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "begin", counted)
        try:
            yield
        finally:
            life.at = 0


def place_of(tools: Tools, place: places.WrittenPlace) -> Place:
    """The place that the ledger recorded."""
    if "list_id" in place.parts:
        return place.parts["list_id"].partition("-")[0], place.parts["list_id"]
    tool = Attributes(tools)
    account = next(
        account
        for account in ACCOUNTS
        if place.parts["api_key"]
        == places.of(_ANY, tool, {"api_key": key_of(account)}).parts["api_key"]
    )
    return account, place.parts["options/attribute"]
