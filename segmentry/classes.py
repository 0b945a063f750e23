"""The class of every column of the lake: what it states of a person, and so who may read it.

``dbt_project/classes/<schema>.yml`` has for each class a list of names. An entry is a column, a
pattern with ``*``, or ``relation.column`` for one relation alone; the exact name comes before the
pattern, and the relation's own before the schema's. A column that no list names counts as a direct
identifier until it is classed: a forgotten column is hidden, never shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from segmentry.errors import ConfigError
from segmentry.settings import ROOT, Settings

# Relations whose columns are traits, scores and features, the first one first.
_OF_TRAITS = (("profiles", "profiles"), ("identity", "traits"), ("features", "features"))


class ColumnClass(StrEnum):
    """direct_identifier: names or reaches a person. quasi_identifier: narrows down who it is,
    together with others. sensitive: may harm the person when others know it, or is what the
    person wrote. none: of no person, or of a profile that only the home can name.
    """

    direct_identifier = "direct_identifier"
    quasi_identifier = "quasi_identifier"
    sensitive = "sensitive"
    none = "none"


@dataclass(frozen=True)
class SchemaClasses:
    """The classes of one schema. names: column or relation.column to class. patterns: in the order
    of their file.
    """

    names: Mapping[str, ColumnClass]
    patterns: tuple[tuple[str, ColumnClass], ...]

    def of(self, relation: str, column: str) -> ColumnClass | None:
        """The class of a column; None where no entry matches."""
        for name in (f"{relation}.{column}", column):
            if name in self.names:
                return self.names[name]
        return next((one for mark, one in self.patterns if fnmatchcase(column, mark)), None)


@dataclass(frozen=True)
class Classes:
    """The classes of all columns, by schema."""

    schemas: Mapping[str, SchemaClasses]

    def stated(self, schema: str, relation: str, column: str) -> ColumnClass | None:
        """The class as a file states it; None where none does."""
        found = self.schemas.get(schema.lower())
        return found.of(relation.lower(), column.lower()) if found else None

    def of(self, schema: str, relation: str, column: str) -> ColumnClass:
        """The class that counts: a direct identifier where none is stated."""
        return self.stated(schema, relation, column) or ColumnClass.direct_identifier

    def of_trait(self, name: str) -> ColumnClass:
        """The class of a trait, score or feature by its name in the relations that have it."""
        stated = (self.stated(*place, name) for place in _OF_TRAITS)
        return next((one for one in stated if one), ColumnClass.direct_identifier)


def load(settings: Settings) -> Classes:
    """The classes of the home's project; those of the product where the project has none."""
    folder = settings.dbt_project / "classes"
    folder = folder if folder.is_dir() else ROOT / "dbt_project" / "classes"
    marks = tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.yml")))
    return _read(marks)


@cache
def _read(marks: tuple[tuple[Path, int], ...]) -> Classes:
    return Classes({path.stem: read_file(path) for path, _ in marks})


def read_file(path: Path) -> SchemaClasses:
    """One schema's classes; ConfigError for an unknown class, a name without text, or one that two
    classes have.
    """
    from segmentry import configuration

    content = configuration.read(path)
    names: dict[str, ColumnClass] = {}
    patterns: list[tuple[str, ColumnClass]] = []
    for title, entries in _lists(path, content):
        for entry in entries:
            if "*" in entry:
                patterns.append((entry, title))
            elif entry in names:
                raise _faulty(
                    path,
                    f"'{entry}' is listed twice, as {names[entry]} and as {title}",
                    "each name in one list, once",
                )
            else:
                names[entry] = title
    return SchemaClasses(names, tuple(patterns))


def _lists(path: Path, content: object) -> list[tuple[ColumnClass, Sequence[str]]]:
    known = ", ".join(ColumnClass)
    if not isinstance(content, dict):
        raise _faulty(path, "the content is no mapping", f"the classes {known}, each with a list")
    found: list[tuple[ColumnClass, Sequence[str]]] = []
    for title, entries in content.items():
        if title not in ColumnClass.__members__:
            raise _faulty(path, f"'{title}' is no class", known)
        if not isinstance(entries, list) or not all(
            isinstance(entry, str) and entry for entry in entries
        ):
            raise _faulty(path, f"{title} is no list of names", "[column, relation.column, part_*]")
        found.append((ColumnClass(title), entries))
    return found


def _faulty(path: Path, what: str, allowed: str) -> ConfigError:
    return ConfigError(
        f"{path}: {what}", allowed=allowed, remedy="correct the file, then run the command again"
    )
