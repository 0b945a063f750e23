"""What the operator's role may run and read. A role that reads everything runs everything; another
has the commands below, whose values are masked. Every view of a person is recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from runtime import profile_sections
from segmentry import operators, roles
from segmentry.classes import ColumnClass
from segmentry.errors import ConfigError, UsageError
from segmentry.roles import Reader
from segmentry.settings import Settings

# Commands that print no value of a person, or mask it. Another one is refused, not shown in part.
OPEN = frozenset(
    {
        "alerts list", "check classes", "check generated", "check leakage", "check segments",
        "content list", "doctor", "experiments lift", "experiments list", "experiments metrics",
        "experiments report", "gates list", "identity explain", "metrics show", "models compare",
        "models list", "models performance", "models show", "privacy flows", "profile",
        "quarantine list", "query", "segments explain", "segments history", "segments list",
        "segments preview", "segments show", "segments simulate", "sources list", "sources show",
        "sync status",
    }
)  # fmt: skip
_OF_AUDITORS = frozenset({"console users", "console views", "privacy status"})
# Columns of sections of a profile that their relation does not have.
_OTHER = {
    "with_identifier": ColumnClass.direct_identifier,
    "evidence": ColumnClass.direct_identifier,
    "of_profile": ColumnClass.none,
    "links": ColumnClass.none,
    "rules": ColumnClass.none,
    "restriction": ColumnClass.none,
    "rows_acknowledged": ColumnClass.none,
}


def check(command: str) -> None:
    """UsageError where the role may not run the command, such as ``console views``."""
    settings = Settings.from_environment()
    try:
        if roles.reads_all(settings):
            return
        role = roles.operator_role(settings)
    except ConfigError:
        if roles.is_named():
            raise
        return  # the command reads the policies itself, and reports what is wrong in them
    known = OPEN | _OF_AUDITORS if role == "auditor" else OPEN
    if command in known:
        return
    raise UsageError(
        f"the role '{role}' may not run `segmentry {command}`",
        allowed=", ".join(sorted(known)),
        remedy="ask an engineer to run it",
    )


def reader_of(settings: Settings, columns: Iterable[str]) -> Reader:
    """The operator as a reader of a predicate over these columns. UsageError where the role may not
    read one: the list of members would be what is masked.
    """
    reader = roles.of_operator(settings)
    hidden = [name for name in columns if not reader.sees(reader.classes.of_trait(name))]
    if hidden:
        raise UsageError(
            f"the role '{reader.role}' may not read {', '.join(sorted(hidden))}",
            allowed="predicates over columns that the role reads: `access` of the policies",
            remedy="leave the column out, or ask an engineer",
        )
    return reader


def record_view(settings: Settings, reader: Reader, what: str, *profiles: str) -> None:
    """Write down that the operator looks at these people."""
    from console import visits  # loads the login, which few commands need

    for profile in dict.fromkeys(profiles):
        visits.add(settings, operators.current_operator(), reader.role, what, profile_id=profile)


def section(reader: Reader, name: str, content: profile_sections.Section) -> Any:
    """A section of a profile as the role may read it."""
    if isinstance(content, dict) or reader.reads_all:
        return content
    if name == "traits":
        return [_trait(reader, row) for row in content]
    if name == "shared":
        return [
            {
                **row,
                "identifier": reader.identifier(row["identifier"]),
                "with_identifier": reader.identifier(row["with_identifier"]),
            }
            for row in content
        ]
    relation, _, _ = profile_sections.SECTIONS[name]
    return reader.rows(content, relation, **_OTHER)


def _trait(reader: Reader, row: dict[str, Any]) -> dict[str, Any]:
    record = reader.value(row["record_id"], ColumnClass.direct_identifier)
    return {**row, "value": reader.trait(row["trait"], row["value"]), "record_id": record}


def links(reader: Reader, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Links between identifiers, as ``identity.evidence`` gives them, as the role may read them."""
    return [{name: _link_value(reader, name, value) for name, value in row.items()} for row in rows]


def _link_value(reader: Reader, name: str, value: Any) -> Any:
    if name in {"from", "to"}:
        return reader.identifier(value)
    return reader.column("identity.refused_links", name, value)


def reasons(reader: Reader, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What moved a score, with the values of features that the role may read."""
    return [
        {
            **row,
            **{
                name: reader.trait(str(row["feature"]), row[name])
                for name in ("value", "usual")
                if name in row
            },
        }
        for row in rows
    ]
