"""docs/reference/sources.md: what each configured source's files may be, and the columns that are
read. Made by `segmentry check generated` from config/sources/ and the base models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from segmentry.generated import GeneratedFile
from segmentry.settings import ROOT, Settings
from sources import judgement
from sources.columns import known_columns
from sources.definitions import Source, all_sources, descriptions
from sources.files import FORMATS

_HEAD = """# Sources

Made by `make generate` from `config/sources/*.yml` and the base models in
`dbt_project/models/staging`. How an odd value is judged is in [judgement.md](judgement.md), how a
source is added in [add-a-source.md](../how-to/add-a-source.md).

A file is known by the end of its name ({endings}), each but Parquet also gzipped (`.gz`). A column
marked * is one without which a record is quarantined. Any case, blanks, hyphens and underscores of
a column's name are read. `segmentry sources sample FILE` shows what a file contains.
"""
_TYPES = {
    "text": "any text",
    "word": "a word, in any case",
    "id": "id of a person",
    "key": "id of a thing",
    "category": "name of a category",
    "country": "ISO 3166 code or name of a country",
    "currency": "ISO 4217 code",
    "object": "JSON object",
    "list": "JSON list",
    "integer": "whole number",
    "amount": "number with a decimal point",
    "boolean": "true or false",
    "date": "date, ISO 8601",
    "timestamp": "time, ISO 8601",
    "timestamp_ahead": "time, ISO 8601, that may lie in the future",
}


def generated_files(settings: Settings) -> list[GeneratedFile]:
    """docs/reference/sources.md."""
    declared = judgement.declared(settings.dbt_project)
    texts = descriptions(settings)
    sections = (
        "".join(_section(settings, source, texts[name], declared.get(name, {})))
        for name, source in all_sources(settings).items()
    )
    head = _HEAD.format(endings=", ".join(f"`{one}`" for one in FORMATS))
    path = ROOT / "docs" / "reference" / "sources.md"
    return [GeneratedFile(path, head + "".join(sections))]


def _section(
    settings: Settings, source: Source, description: str, specs: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    yield f"\n## {source.name}\n\n{description}\n\n"
    yield "".join(f"- {fact}\n" for fact in _facts(source))
    if source.mapping is not None:
        yield f"\n| column of {source.mapping.kind} | header |\n|---|---|\n"
        yield "".join(f"| {column} | {header} |\n" for column, header in source.mapping.headers)
        return
    fields = known_columns(settings.dbt_project, source.name)
    yield "\n| column | type |\n|---|---|\n"
    for spec_name, spec in specs.items():
        mark = " *" if spec["is_required"] else ""
        field = str(spec["field"])
        shown = field if field in fields.names or not fields.names else spec_name
        yield f"| {shown}{mark} | {_type(spec)} |\n"


def _facts(source: Source) -> Iterator[str]:
    if source.paths:
        yield f"Read from {', '.join(f'`{path}`' for path in source.paths)}"
    yield f"Records land in `raw.{source.table}`"
    if source.columns and source.mapping is None:
        yield f"A CSV header must have {', '.join(f'`{name}`' for name in source.columns)}"
    if source.delimiter:
        yield f"CSV delimiter `{source.delimiter}`"
    if source.encoding:
        yield f"Encoding {source.encoding}"
    if source.unwrap:
        yield f"Records may lie in {', '.join(f'`{name}`' for name in source.unwrap)} of a document"


def _type(spec: Mapping[str, Any]) -> str:
    kind = str(spec["type"])
    text = _TYPES.get(kind, kind)
    return f"{text}: {', '.join(spec['values'])}" if spec["values"] else text
