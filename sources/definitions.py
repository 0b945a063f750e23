"""The definition of each source in config/sources/*.yml."""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmentry import configuration
from segmentry.settings import Settings
from sources.columns import SourceFields, known_columns
from sources.mapping import ColumnMapping, made

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Source:
    """One source. The fields are those of config/schemas/source.schema.json, which describes them.

    columns: those that a CSV header must have. known: the columns that are read, as the source's
    files name them.
    """

    name: str
    paths: tuple[str, ...] = ()
    format: str | None = None
    columns: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    unwrap: tuple[str, ...] = ()
    hand_down: tuple[str, ...] = ()
    database: dict[str, Any] = field(default_factory=dict)
    api: dict[str, Any] = field(default_factory=dict)
    known: SourceFields = field(default_factory=SourceFields)
    mapping: ColumnMapping | None = None

    @property
    def table(self) -> str:
        """The raw table of its records: that of the source whose columns it has."""
        return self.mapping.kind if self.mapping else self.name


def all_sources(settings: Settings) -> dict[str, Source]:
    """Every configured source by name."""
    contents = configuration.load_folder(settings, "source", "sources")
    return {
        name: _source(content, contents, settings.dbt_project) for name, content in contents.items()
    }


def descriptions(settings: Settings) -> dict[str, str]:
    """What one record of each source is, as its yml describes it."""
    contents = configuration.load_folder(settings, "source", "sources")
    return {name: " ".join(content["description"].split()) for name, content in contents.items()}


def raw_tables(settings: Settings) -> list[str]:
    """The raw tables of the configured sources, each once."""
    return sorted({source.table for source in all_sources(settings).values()})


def source_named(settings: Settings, name: str) -> Source:
    """The source of that name, or UsageError naming those there are."""
    return configuration.named(all_sources(settings), name, "source", "sources")


def _source(content: dict[str, Any], contents: dict[str, dict[str, Any]], project: Path) -> Source:
    mapping = made(content, contents, project) if "maps_to" in content else None
    if mapping:
        columns = mapping.file_columns
        known = SourceFields(columns, mapping.required_columns)
    else:
        columns = tuple(content.get("columns", ()))
        stated = known_columns(project, content["name"])
        # Columns that a file must have may be empty in a record; the base model states what a
        # record must have.
        known = SourceFields(stated.names, stated.required or columns)
    return Source(
        name=content["name"],
        paths=tuple(content.get("paths", ())),
        format=content.get("format"),
        columns=columns,
        delimiter=content.get("delimiter"),
        encoding=content.get("encoding"),
        unwrap=tuple(content.get("unwrap", ())),
        hand_down=tuple(content.get("hand_down", ())),
        database=content.get("database", {}),
        api=content.get("api", {}),
        known=known,
        mapping=mapping,
    )


def expand(text: str, settings: Settings, *, as_glob: bool = False) -> str | None:
    """The text with each ${NAME} replaced by its environment variable; None when one of them is
    unset.

    as_glob: `*`, `?` and `[` in a variable's value mean themselves.
    """
    values = {"SEGMENTRY_HOME": str(settings.home), "SEGMENTRY_INBOX": str(settings.home / "inbox")}
    values.update({name: value for name, value in os.environ.items() if value})
    names = _VARIABLE.findall(text)
    if any(name not in values for name in names):
        return None
    return _VARIABLE.sub(
        lambda match: glob.escape(values[match[1]]) if as_glob else values[match[1]], text
    )
