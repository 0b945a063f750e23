"""What the kinds of incident look at: relations of the lake, the ledger, and the stages that
ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import sqlalchemy as sa

from activation.ledger import database
from activation.ledger.database import Ledger
from runtime.alerts.model import AlertFinding
from runtime.alerts.policy import Limits
from runtime.alerts.store import IncidentStore
from segmentry import warehouse
from segmentry.settings import Settings


@dataclass
class Evidence:
    """Opened when it is first asked, and closed at the end of the look. now: naive UTC, by the wall
    clock, for deadlines of people alone.
    """

    settings: Settings
    limits: Limits
    store: IncidentStore
    now: datetime
    _open: ExitStack
    _lake: duckdb.DuckDBPyConnection | None = None
    _ledger: Ledger | None = field(default=None, repr=False)

    def rows(self, relation: str, sql: str) -> list[dict[str, Any]]:
        """Rows of a query of the lake; none while the relation that it reads is missing."""
        if self._lake is None:
            connection = warehouse.connect(self.settings, read_only=True, has_functions=False)
            self._lake = self._open.enter_context(connection)
        if not warehouse.relation_exists(self._lake, relation):
            return []
        return warehouse.records(self._lake, sql)

    @property
    def ledger(self) -> Ledger | None:
        """The ledger; None before the first sync."""
        if self._ledger is None and database.exists(self.settings):
            self._ledger = Ledger(self.settings)
            self._open.callback(self._ledger.close)
        return self._ledger

    def ledger_rows(self, statement: sa.Select[Any]) -> Sequence[sa.RowMapping]:
        """Rows of a query of the ledger; none before the first sync."""
        if self.ledger is None:
            return []
        with self.ledger.engine.connect() as c:
            return c.execute(statement).mappings().all()


@contextmanager
def look(settings: Settings, limits: Limits, store: IncidentStore) -> Iterator[Evidence]:
    """The evidence for one look."""
    with ExitStack() as opened:
        yield Evidence(settings, limits, store, database.now(), opened)


@dataclass(frozen=True)
class IncidentKind:
    """One kind of incident. title: a few words for it; find: what is wrong now, of this kind."""

    title: str
    find: Callable[[Evidence], Iterable[AlertFinding]]
