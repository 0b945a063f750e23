"""What a check of a destination is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from activation.destination import DestinationSession
from segmentry.sync_config import SyncColumn

TEXT = "text"
NUMBER = "number"
BOOLEAN = "boolean"
DATE = "date"
OTHER = "other"
_FITTING = {
    NUMBER: ("bigint", "double", "integer", "decimal"),
    BOOLEAN: ("boolean",),
    DATE: ("date", "timestamp"),
}


class NoSuchAudience(Exception):
    """The tool answered, and has no such list or audience."""


@dataclass(frozen=True)
class Audience:
    """A list or audience that exists at the tool. fault: why it cannot be written to; '' if it
    can.
    """

    name: str
    fault: str = ""


class DestinationCheck:
    """Asks one kind of tool; each method may be left out, and writes nothing but ``create``.

    setting: of the connection, that names the list or audience. word: what the tool calls it.
    takes_new_fields: it makes a field that does not exist. dry_answer: what a request of a row is
    answered with where nothing is sent, so that those that follow are made too. missing_codes: of a
    refusal with another status than 404 that means the same.
    """

    setting: ClassVar[str] = "list_id"
    word: ClassVar[str] = "list"
    takes_new_fields: ClassVar[bool] = False
    can_create: ClassVar[bool] = False
    dry_answer: ClassVar[Any] = {}
    missing_codes: ClassVar[frozenset[str]] = frozenset()

    def audience(self, session: DestinationSession) -> Audience | None:
        """The list or audience that the connection names; None if the tool cannot be asked.
        NoSuchAudience, or RequestRefused with status 404, if it does not exist.
        """
        return None

    def fields(self, session: DestinationSession) -> Mapping[str, str] | None:
        """Fields by name, with the kind of their values; None if any name is taken."""
        return None

    def field_of(self, session: DestinationSession, column: SyncColumn) -> str | None:
        """The field that a column is written to; None for one that is not asked about."""
        return column.name

    def find(self, session: DestinationSession, name: str) -> str | None:
        """The id of the list of that name; None without one."""
        return None

    def create(self, session: DestinationSession, name: str) -> str:
        """Make a list of that name; returns its id."""
        raise NotImplementedError


def fits(kind: str, column: SyncColumn) -> bool:
    """Whether a field of the kind takes the column's values. A text takes all, and of a kind that
    is not known here nothing is stated.
    """
    return kind not in _FITTING or column.type.lower() in _FITTING[kind]


def kinds(
    found: Iterable[Mapping[str, Any]], name: str, kind: str, known: Mapping[str, str]
) -> dict[str, str]:
    """Fields by name, with the tool's own words for kinds translated."""
    return {str(one[name]): known.get(str(one.get(kind, "")).lower(), OTHER) for one in found}
