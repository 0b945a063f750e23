"""open_sync: one sync with its lake, ledger, destination, connection and consent gate.
The engine, plan, verify and explain get them here, and nobody opens them by himself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

import duckdb

from activation import consent_policy
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
from segmentry import snapshots, warehouse
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig


class OpenSync:
    """One sync by its name. The lake and the ledger are opened when they are first asked for."""

    def __init__(self, settings: Settings, name: str, stack: ExitStack) -> None:
        self.settings = settings
        self.name = name
        self._stack = stack

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger of the installation."""
        ledger = Ledger(self.settings)
        self._stack.callback(ledger.close)
        return ledger

    @cached_property
    def lake(self) -> duckdb.DuckDBPyConnection:
        """The lake, to be read."""
        return self._stack.enter_context(
            warehouse.connect(self.settings, read_only=True, is_private=True)
        )

    def at(self, sync: SyncConfig) -> SyncPlace:
        """The place that a configuration of the sync names: that of its file, or of what its rows
        were sent with.
        """
        return SyncPlace(self, sync)


@dataclass(frozen=True)
class SyncPlace:
    """Where the rows of a configuration are: the destination, by its connection, behind the consent
    gate.
    """

    opened: OpenSync
    sync: SyncConfig

    @cached_property
    def destination(self) -> Destination:
        """What kind of tool it is; ConfigError where the configuration does not fit it."""
        return to_withdraw_from(self.sync)

    @property
    def missing(self) -> list[str]:
        """Settings of the connection that are needed and have no value."""
        return self._connection[1]

    @cached_property
    def _connection(self) -> tuple[Mapping[str, str], list[str]]:
        return connection_values(self.sync, self.destination)

    def gate(self, basis: Basis | None = None) -> ConsentGate:
        """The gate that every row passes right before it leaves; basis: None for the policy's."""
        opened = self.opened
        basis = basis or consent_policy.load(opened.settings).basis(self.sync.purpose)
        newest = snapshots.watch(opened.settings, opened.lake)
        return ConsentGate(opened.lake, self.sync, basis, newest)

    @contextmanager
    def session(self, run_id: str) -> Iterator[DestinationSession]:
        """Talk to the destination, for one run."""
        settings = self.opened.settings
        accounts = LedgerAccounts(self.opened.ledger)
        outbox = settings.outbox / self.sync.name
        session = DestinationSession(self.sync, self._connection[0], accounts, outbox, run_id)
        try:
            yield session
        finally:
            session.close()


@contextmanager
def open_sync(settings: Settings, name: str) -> Iterator[OpenSync]:
    """Open a sync; whatever was opened for it is closed at the end, the newest first."""
    with ExitStack() as stack:
        yield OpenSync(settings, name, stack)
