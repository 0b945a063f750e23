"""Columns without a class: of the project's models and sources, of the product's own relations, and
of the lake of a home. Called by ``segmentry check classes`` and by a test of the project.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from segmentry import configuration, warehouse
from segmentry.classes import Classes
from segmentry.settings import Settings


class LakeColumn(NamedTuple):
    """One column of one relation."""

    schema: str
    relation: str
    column: str

    def __str__(self) -> str:
        return ".".join(self)


def documented(project: Path) -> Iterator[LakeColumn]:
    """Columns that the yml files of models and sources describe. A model is in the schema of its
    layer's folder.
    """
    layers = project / "models"
    for path in sorted(layers.rglob("*.yml")):
        content = configuration.read(path) or {}
        layer = path.relative_to(layers).parts[0]
        for model in content.get("models") or []:
            yield from _columns(layer, model)
        for source in content.get("sources") or []:
            for table in source.get("tables") or []:
                yield from _columns(source.get("schema", source["name"]), table)


def _columns(schema: str, described: dict[str, Any]) -> Iterator[LakeColumn]:
    for column in described.get("columns") or []:
        # A macro describes some columns of a model: their names are known when it is built.
        if "{" not in column["name"]:
            yield LakeColumn(schema, described["name"], column["name"])


def in_lake(settings: Settings) -> list[LakeColumn]:
    """Columns of all relations of the home's lake; none where it has no lake."""
    if settings.is_embedded and not warehouse.catalog_file(settings).exists():
        return []
    with warehouse.connect(settings, read_only=True, has_functions=False) as lake:
        found = lake.execute(
            "select schema_name, table_name, column_name from duckdb_columns()"
            " where database_name = 'lake' order by all"
        ).fetchall()
    return [LakeColumn(*row) for row in found]


def without_class(classes: Classes, columns: Iterable[LakeColumn]) -> list[LakeColumn]:
    """Those of the columns that no file gives a class."""
    return sorted({column for column in columns if classes.stated(*column) is None})
