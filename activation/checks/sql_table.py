"""A table of another database: whether it exists, and its columns. The first run makes it too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from activation.checks._base import (
    BOOLEAN,
    DATE,
    NUMBER,
    OTHER,
    TEXT,
    Audience,
    DestinationCheck,
    NoSuchAudience,
)
from activation.destination import DestinationSession
from activation.destinations.sql_table import begin, table_of

_KINDS: tuple[tuple[type[Any], str], ...] = (
    (sa.Boolean, BOOLEAN), (sa.Numeric, NUMBER), (sa.Integer, NUMBER), (sa.Date, DATE),
    (sa.DateTime, DATE), (sa.String, TEXT),
)  # fmt: skip


class SqlTableCheck(DestinationCheck):
    """One table."""

    setting = "url"
    word = "table"
    can_create = True

    def audience(self, session: DestinationSession) -> Audience:
        """The table."""
        table = table_of(session.sync)
        with begin(session) as connection:
            if not sa.inspect(connection).has_table(table.name, schema=table.schema):
                raise NoSuchAudience
        return Audience(table.fullname)

    def fields(self, session: DestinationSession) -> Mapping[str, str]:
        """Its columns."""
        table = table_of(session.sync)
        with begin(session) as connection:
            found = sa.inspect(connection).get_columns(table.name, schema=table.schema)
        return {
            one["name"]: next((kind for t, kind in _KINDS if isinstance(one["type"], t)), OTHER)
            for one in found
        }

    def create(self, session: DestinationSession, name: str) -> str:
        """Make the table as a run would."""
        table = table_of(session.sync)
        with begin(session) as connection:
            table.create(connection, checkfirst=True)
        return table.fullname


CHECK = SqlTableCheck()
