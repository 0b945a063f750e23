"""open_sync: one sync with its lake, ledger, destination, connection and consent gate.
The engine, plan, verify and explain get them here, and nobody opens them by himself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

import duckdb

from activation import consent_policy, places
from activation.consent import ConsentGate
from activation.consent_policy import Basis
from activation.destination import (
    Destination,
    DestinationSession,
    connection_values,
    to_withdraw_from,
)
from activation.ledger.accounts import LedgerAccounts
from activation.ledger.database import Ledger
from activation.places import WrittenPlace
from activation.suppression_lists import ListWatch
from segmentry import configuration, snapshots, warehouse
from segmentry.errors import SourceError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig
from segmentry.tombstones import Tombstones


class OpenSync:
    """One sync by its name. The lake and the ledger are opened when they are first asked for.

    list_fault: why a suppression list could not be read as the lake was opened.
    refused_meanwhile: gives profiles that refused the sync's purpose and that the lake lacks.
    """

    def __init__(self, settings: Settings, name: str, stack: ExitStack) -> None:
        self.settings = settings
        self.name = name
        self.list_fault: SourceError | None = None
        self.refused_meanwhile: Callable[[], Collection[str]] = tuple
        self._stack = stack

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of the installation."""
        ledger = Ledger(self.settings)
        self._stack.callback(ledger.close)
        return ledger

    @cached_property
    def lake(self) -> duckdb.DuckDBPyConnection:
        """The lake, to be read, with what the suppression lists contain now."""
        lake = self._stack.enter_context(
            warehouse.connect(self.settings, read_only=True, is_private=True)
        )
        try:
            self.lists.bring_in(lake, lambda: warehouse.current_snapshot(lake))
        except SourceError as error:
            self.list_fault = error  # people who opted out are removed all the same
        return lake

    @cached_property
    def lists(self) -> ListWatch:
        """The suppression lists of the policy."""
        return ListWatch(self.settings)

    def at(self, sync: SyncConfig, values: Mapping[str, str] | None = None) -> SyncPlace:
        """The place that a configuration of the sync names: that of its file, or of what its rows
        were sent with. values: those of its connection; None for the present ones.
        """
        return SyncPlace(self, sync, values)


@dataclass(frozen=True)
class SyncPlace:
    """Where the rows of a configuration are: the destination, by its connection, behind the consent
    gate.
    """

    opened: OpenSync
    sync: SyncConfig
    given: Mapping[str, str] | None = None

    @cached_property
    def destination(self) -> Destination:
        """What kind of tool it is; ConfigError where the configuration does not fit it."""
        return to_withdraw_from(self.sync)

    @property
    def missing(self) -> list[str]:
        """Settings of the connection that are needed and have no value."""
        return self._connection[1]

    @property
    def values(self) -> Mapping[str, str]:
        """The values of the connection, by setting."""
        return self._connection[0]

    @cached_property
    def written(self) -> WrittenPlace:
        """What the ledger records of the place."""
        return places.of(self.sync, self.destination, self.values)

    @cached_property
    def _connection(self) -> tuple[Mapping[str, str], list[str]]:
        found, missing = connection_values(self.sync, self.destination)
        if self.given is None:
            return found, missing
        needed = self.destination.needed_settings(self.given)
        return self.given, [name for name in needed if name not in self.given]

    def gate(self, basis: Basis | None = None) -> ConsentGate:
        """The gate that every row passes right before it leaves; basis: None for the policy's."""
        opened = self.opened
        basis = basis or consent_policy.load(opened.settings).basis(self.sync.purpose)
        newest = snapshots.watch(opened.settings, opened.lake)
        graves = Tombstones(opened.settings, configuration.shop_country(opened.settings))
        return ConsentGate(
            opened.lake, self.sync, basis, newest, graves, opened.lists, opened.refused_meanwhile
        )

    @contextmanager
    def session(self, run_id: str) -> Iterator[DestinationSession]:
        """Talk to the destination, for one run."""
        settings = self.opened.settings
        accounts = LedgerAccounts(self.opened.ledger)
        known = replace(self.sync, name=self.sync.known_as)
        outbox = settings.outbox / known.name
        session = DestinationSession(
            known, self.values, accounts, outbox, run_id, secrets=settings.secrets
        )
        try:
            yield session
        finally:
            session.close()


@contextmanager
def open_sync(settings: Settings, name: str) -> Iterator[OpenSync]:
    """Open a sync; whatever was opened for it is closed at the end, the newest first."""
    with ExitStack() as stack:
        yield OpenSync(settings, name, stack)
