"""A rule written in a form, and its files as a change to download. Nothing is written here: a
segment is defined by its files alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmentry.errors import UsageError
from segmentry.settings import Settings
from segments import installed, scaffold
from segments.guard import parse
from segments.predicates import Junction, Predicate, family_of

# What a condition of the form may compare by, with its words for a reader.
OPERATORS: Mapping[str, str] = {
    "=": "is",
    "<>": "is not",
    ">=": "at least",
    ">": "more than",
    "<=": "at most",
    "<": "less than",
    "in": "is one of",
    "is null": "is unknown",
    "is not null": "is known",
    "is true": "is true",
    "is false": "is false",
}
_WITHOUT_VALUE = frozenset(name for name in OPERATORS if name.startswith("is "))
_UP_TO_WHERE = re.compile(r"(?is)\A(.*?\bwhere\b)")
_OWNER = re.compile(r"\w[\w .@-]{0,59}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True)
class Condition:
    """One line of the form."""

    column: str
    operator: str
    value: str


@dataclass(frozen=True)
class FileChange:
    """One file as it would be. path: below the repository."""

    path: str
    text: str
    patch: str


def conditions(several: Mapping[str, Sequence[str]]) -> list[Condition]:
    """The filled lines of a form with the fields column, operator and value."""
    columns, operators, values = (several.get(name, []) for name in ("column", "operator", "value"))
    padded = [*values, *[""] * len(columns)]
    found = zip(columns, operators, padded, strict=False)
    return [Condition(c.strip(), o, v.strip()) for c, o, v in found if c.strip()]


def where(several: Mapping[str, Sequence[str]], words: Mapping[str, str]) -> str:
    """The rule of a form: the text that was typed, else its conditions. words: column to data
    type.
    """
    typed = (several.get("where") or [""])[0].strip()
    if typed:
        return typed
    lines = conditions(several)
    if not lines:
        raise UsageError(
            "the rule is empty",
            allowed="a condition with a column, or a predicate as text",
            remedy="choose a column, how to compare it and a value",
        )
    word = " or " if (several.get("join") or ["all"])[0] == "any" else " and "
    return word.join(_written(line, words) for line in lines)


def _written(line: Condition, words: Mapping[str, str]) -> str:
    if line.operator not in OPERATORS:
        raise UsageError(
            "a condition with an unknown comparison",
            allowed=", ".join(OPERATORS),
            remedy="choose one of them",
        )
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", line.column) or line.column not in words:
        raise UsageError(
            "a condition names a column that profiles do not have",
            allowed="a column of the list",
            remedy="choose one of the list; a new one is a feature",
        )
    if line.operator in _WITHOUT_VALUE:
        return f"{line.column} {line.operator}"
    family = family_of(words[line.column])
    if line.operator == "in":
        values = [part.strip() for part in line.value.split(",") if part.strip()]
        literals = ", ".join(_literal(one, family, line.column) for one in values)
        return f"{line.column} in ({literals or _literal('', family, line.column)})"
    return f"{line.column} {line.operator} {_literal(line.value, family, line.column)}"


def _literal(value: str, family: str, column: str) -> str:
    """The value as the column's type writes it; the guard checks the rest."""
    if family == "number" and not _NUMBER.fullmatch(value):
        raise UsageError(
            f"the value for {column} is no number",
            allowed="digits, with a point before decimals",
            remedy="correct the value",
        )
    if family == "boolean" and value.lower() not in {"true", "false"}:
        raise UsageError(
            f"the value for {column} is neither true nor false",
            allowed="true, false",
            remedy="correct the value, or compare by 'is true'",
        )
    if family in {"number", "boolean"}:
        return value.lower()
    return "'" + value.replace("'", "''") + "'"


def changes(settings: Settings, name: str, text: str, owner: str) -> list[FileChange]:
    """The files of a segment with this rule, new or existing, each with its patch. UsageError for a
    segment that has no file of its own.
    """
    path = installed.folder(settings) / f"{name}.sql"
    if re.fullmatch(r"[a-z][a-z0-9_]*", name) and path.exists():
        predicate = parse(text, installed.vocabulary(settings))
        before = path.read_text(encoding="utf-8")
        head = _UP_TO_WHERE.match(before)
        if head is None:
            raise UsageError(
                f"the file of {name} has no rule to replace",
                allowed="a segment of kind predicate",
                remedy="change its file by hand",
            )
        return [_change(settings, path, before, f"{head[1]}\n    {_lines(predicate)}\n")]
    if name in installed.names(settings):
        raise UsageError(
            f"{name} follows from the configuration and has no file",
            allowed="a segment with files in models/segments, or a new name",
            remedy="change the policies, or choose a new name",
        )
    if not _OWNER.fullmatch(owner):
        raise UsageError(
            "the owner is no plain name",
            allowed="letters, digits, blanks and . _ @ -, at most 60",
            remedy="name the team that answers for the segment",
        )
    made = scaffold.texts(settings, name, text, owner)
    predicate = parse(text, installed.vocabulary(settings))
    return [
        _change(settings, place, "", content.replace(predicate.to_sql(), _lines(predicate), 1))
        if place.suffix == ".sql"
        else _change(settings, place, "", content)
        for place, content in made.items()
    ]


def _lines(predicate: Predicate) -> str:
    """A rule with one condition on each line."""
    if not isinstance(predicate, Junction):
        return predicate.to_sql()
    parts = [
        f"({part.to_sql()})" if isinstance(part, Junction) else part.to_sql()
        for part in predicate.parts
    ]
    return f"\n    {predicate.word} ".join(parts)


def _change(settings: Settings, path: Path, before: str, after: str) -> FileChange:
    place = f"dbt_project/{path.relative_to(settings.dbt_project).as_posix()}"
    patch = "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{place}" if before else "/dev/null",
            f"b/{place}",
        )
    )
    head = f"diff --git a/{place} b/{place}\n" + ("" if before else "new file mode 100644\n")
    return FileChange(place, after, head + patch if patch else "")
