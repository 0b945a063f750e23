"""Who may read which class of column: the roles of ``access`` in config/policies.yml, and the
mask of a value that a role may not read. The command line, the API and the console ask here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from segmentry import classes, configuration
from segmentry.classes import Classes, ColumnClass
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import Settings

ROLES = ("marketer", "analyst", "engineer", "auditor")
VARIABLE = "SEGMENTRY_ROLE"
HIDDEN = "…"
_ALL = frozenset(ColumnClass)
_NAMED = tuple(one.value for one in ColumnClass if one is not ColumnClass.none)
# What each role reads where the policies state nothing; columns of the class none are open to all.
_DEFAULTS: Mapping[str, frozenset[ColumnClass]] = {
    "marketer": frozenset(),
    "analyst": frozenset({ColumnClass.quasi_identifier}),
    "engineer": _ALL,
    "auditor": frozenset(),
}
_NAMED_VALUE = re.compile(r"\b(\w+) = (?:.*?)(?=, \w+ = |$)", re.DOTALL)


@dataclass(frozen=True)
class Reader:
    """A role with the classes that it reads. classes: of all columns."""

    role: str
    reads: frozenset[ColumnClass]
    classes: Classes

    @property
    def reads_all(self) -> bool:
        """Whether nothing is masked."""
        return self.reads >= _ALL

    def sees(self, one: ColumnClass) -> bool:
        """Whether values of a class are shown as they are."""
        return one is ColumnClass.none or one in self.reads

    def value(self, value: Any, one: ColumnClass) -> Any:
        """The value, masked unless the role reads its class."""
        return value if self.sees(one) else masked(value, one)

    def trait(self, name: str, value: Any) -> Any:
        """The value of a trait, score or feature, as the role may read it."""
        return self.value(value, self.classes.of_trait(name))

    def column(self, relation: str, column: str, value: Any) -> Any:
        """The value of a column. relation: as schema.name."""
        schema, _, name = relation.partition(".")
        return self.value(value, self.classes.of(schema, name, column))

    def rows(
        self, rows: Iterable[Mapping[str, Any]], relation: str, **other: ColumnClass
    ) -> list[dict[str, Any]]:
        """Rows whose columns are those of a relation. other: the class of a column that the
        relation does not have.
        """
        return [
            {
                name: self.value(value, other[name])
                if name in other
                else self.column(relation, name, value)
                for name, value in row.items()
            }
            for row in rows
        ]

    def identifier(self, text: str) -> str:
        """An identifier as type:value; the type stays."""
        kind, colon, value = text.partition(":")
        if self.sees(ColumnClass.direct_identifier):
            return text
        return f"{kind}:{masked(value)}" if colon else str(masked(text))

    def named_values(self, text: str) -> str:
        """A text such as ``city = Bonn, orders = 3`` with the values of features that the role
        reads.
        """
        return _NAMED_VALUE.sub(
            lambda found: (
                found[0] if self.sees(self.classes.of_trait(found[1])) else f"{found[1]} = {HIDDEN}"
            ),
            text,
        )


def masked(value: Any, one: ColumnClass = ColumnClass.direct_identifier) -> Any:
    """A text that names a person by its first character; anything else not at all, as the first
    character of an answer or a class would be the whole. None remains None.
    """
    if value is None:
        return None
    is_name = isinstance(value, str) and one is ColumnClass.direct_identifier
    return value.strip()[:1] + HIDDEN if is_name and len(value.strip()) > 1 else HIDDEN


def of_role(settings: Settings, role: str) -> Reader:
    """What a role reads in this home."""
    if role not in ROLES:
        raise UsageError(
            f"there is no role '{role}'", allowed=", ".join(ROLES), remedy="name one of them"
        )
    return Reader(role, _reads(settings)[role], classes.load(settings))


def of_operator(settings: Settings) -> Reader:
    """What the operator of the command line reads: the role of SEGMENTRY_ROLE, else `local_role` of
    the policies, else that of an engineer.
    """
    return of_role(settings, operator_role(settings))


def operator_role(settings: Settings) -> str:
    """The role of the operator of the command line; ConfigError for a name that is none."""
    given = os.environ.get(VARIABLE)
    if not given:
        return str(_access(settings).get("local_role", "engineer"))
    if given not in ROLES:
        raise ConfigError(
            f"{VARIABLE} is '{given}'",
            allowed=", ".join(ROLES),
            remedy="correct or unset the variable",
        )
    return given


def reads_all(settings: Settings) -> bool:
    """Whether nothing is masked for the operator of the command line; reads no classes."""
    return _reads(settings)[operator_role(settings)] >= _ALL


def is_named() -> bool:
    """Whether the environment names the operator's role."""
    return bool(os.environ.get(VARIABLE))


def _reads(settings: Settings) -> dict[str, frozenset[ColumnClass]]:
    stated = _access(settings).get("roles", {})
    return {
        role: frozenset(map(ColumnClass, stated[role]["reads"])) | {ColumnClass.none}
        if role in stated
        else _DEFAULTS[role]
        for role in ROLES
    }


def _access(settings: Settings) -> Mapping[str, Any]:
    path = settings.config / "policies.yml"
    # A home without policies yet has the roles of the product.
    return _stated(path, path.stat().st_mtime_ns) if path.exists() else {}


@cache
def _stated(path: Path, _: int) -> Mapping[str, Any]:
    found = configuration.read(path)
    access = found.get("access") if isinstance(found, dict) else None
    if access is None:
        return {}
    if not _fits(access):
        configuration.check(found, path, "policies")
    stated: Mapping[str, Any] = access
    return stated


def _fits(access: Any) -> bool:
    """Whether the part satisfies its schema. Every command asks, and the schema is slow to load."""
    roles = access.get("roles", {}) if isinstance(access, dict) else None
    return (
        isinstance(roles, dict)
        and access.keys() <= {"local_role", "roles"}
        and access.get("local_role", ROLES[0]) in ROLES
        and all(
            name in ROLES
            and isinstance(entry, dict)
            and entry.keys() == {"reads"}
            and isinstance(entry["reads"], list)
            and all(one in _NAMED for one in entry["reads"])
            for name, entry in roles.items()
        )
    )
