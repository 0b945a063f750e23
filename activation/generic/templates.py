"""Fills templates: texts with placeholders, and a few words that begin with ``$``. There is no code
in a template, and a value is never read as one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import quote

from activation.generic import forms
from activation.model import Row

ROWS = "$rows"
JOIN = "$join"
FIELDS = "$fields"
IF = "$if"
ELSE = "$else"
AS = "as"  # of $fields: a list of entries with these two names, for the column and for the value
WORDS = frozenset({ROWS, JOIN, FIELDS, IF, ELSE})
OPTIONAL = "?"  # at the end of a name: left out where its value is empty
# Names that have another value for each row.
OF_ROWS = frozenset({"identity", "their_id", "value", "identifier"})
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?:\.([A-Za-z][A-Za-z0-9_]*))?((?:\|[a-z0-9_]+)*)\}")
_LEFT_OUT = object()


@dataclass(frozen=True)
class Placeholder:
    """``{kind.name|form|form}``."""

    kind: str
    name: str
    forms: tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """What placeholders mean. names: kind to values. rows: those of the request. of_row: gives the
    names of one row. row_fields: gives the columns of a row as they are written, with another form
    of NULL where one is given.
    """

    names: Mapping[str, Any]
    rows: Sequence[Row] = ()
    of_row: Callable[[Row], Mapping[str, Any]] = field(default=lambda row: {})
    row: Row | None = None
    row_fields: Callable[[Row, str | None], Mapping[str, Any]] = field(
        default=lambda row, nulls: {}
    )

    def at(self, row: Row) -> Scope:
        """The scope of one row."""
        names = {**self.names, **self.of_row(row)}
        return Scope(names, (), self.of_row, row, self.row_fields)

    def value(self, hole: Placeholder) -> Any:
        """The value of a placeholder; None where there is none."""
        found = self.names.get(hole.kind)
        if hole.name:
            found = found.get(hole.name) if isinstance(found, Mapping) else None
        return forms.applied(found, hole.forms)


@cache
def parts(text: str) -> tuple[str | Placeholder, ...]:
    """Literal texts and placeholders, in their order. Raises ValueError for a brace of neither."""
    found: list[str | Placeholder] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        found.append(text[end : match.start()])
        applied = tuple(filter(None, match[3].split("|")))
        found.append(Placeholder(match[1], match[2] or "", applied))
        end = match.end()
    found.append(text[end:])
    if any(isinstance(part, str) and ("{" in part or "}" in part) for part in found):
        raise ValueError(text)
    return tuple(part for part in found if part != "")


def placeholders(text: str) -> Iterator[Placeholder]:
    """The placeholders of a text."""
    yield from (part for part in parts(text) if isinstance(part, Placeholder))


def fill_text(text: str, scope: Scope) -> Any:
    """The text; a text that is one placeholder keeps the type of its value."""
    found = parts(text)
    if len(found) == 1 and isinstance(found[0], Placeholder):
        return scope.value(found[0])
    return "".join(part if isinstance(part, str) else _shown(scope.value(part)) for part in found)


def fill_path(text: str, scope: Scope) -> str:
    """A path, in which a value can be no separator."""
    return "".join(
        part if isinstance(part, str) else quote(_shown(scope.value(part)), safe="")
        for part in parts(text)
    )


def fill(template: Any, scope: Scope) -> Any:
    """The template with its placeholders filled; None where all of it is left out."""
    found = _fill(template, scope)
    return None if found is _LEFT_OUT else found


def is_empty(value: Any) -> bool:
    """Whether there is nothing in a value; 0 and false are values."""
    return value is None or value is _LEFT_OUT or (value in ("", [], {}) and value is not False)


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


def _fill(template: Any, scope: Scope) -> Any:
    if isinstance(template, str):
        return fill_text(template, scope)
    if isinstance(template, list):
        filled = (_fill(part, scope) for part in template)
        return [part for part in filled if part is not _LEFT_OUT]
    return _fill_mapping(template, scope) if isinstance(template, dict) else template


def _fill_mapping(template: Mapping[str, Any], scope: Scope) -> Any:
    if ROWS in template:
        each = [_fill(template[ROWS], scope.at(row)) for row in scope.rows]
        kept = [one for one in each if one is not _LEFT_OUT]
        return template[JOIN].join(map(_shown, kept)) if JOIN in template else kept
    if AS in template.get(FIELDS, ()):
        name, value = template[FIELDS][AS]
        return [{name: n, value: v} for n, v in _fields(template[FIELDS], scope).items()]
    if IF in template and is_empty(_fill(template[IF], scope)):
        return _fill(template[ELSE], scope) if ELSE in template else _LEFT_OUT
    made: dict[str, Any] = {}
    for name, part in template.items():
        if name == FIELDS:
            made |= _fields(part, scope)
        elif name not in WORDS:
            value = _fill(part, scope)
            is_left_out = name.endswith(OPTIONAL) and is_empty(value)
            if value is not _LEFT_OUT and not is_left_out:
                made[str(fill_text(name.removesuffix(OPTIONAL), scope))] = value
    return made


def _fields(rules: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
    """The columns of the row. except, only: their names. renamed_by: an option that maps names to
    those there, of which no other is sent; not_in: an option with names that are not sent. nulls:
    as values has it.
    """
    if scope.row is None:
        return {}
    given = scope.row_fields(scope.row, rules.get("nulls"))
    options = scope.names["option"]
    left = {_shown(fill_text(name, scope)) for name in rules.get("except", ())}
    left |= set(options.get(rules.get("not_in", "")) or {})
    only = rules.get("only")
    renamed = (options.get(rules["renamed_by"]) or {}) if "renamed_by" in rules else None
    return {
        str(name if renamed is None else renamed[name]): value
        for name, value in given.items()
        if name not in left
        and (only is None or name in only)
        and (renamed is None or name in renamed)
    }
