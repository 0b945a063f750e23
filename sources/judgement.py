"""docs/reference/judgement.md: every column of every source, and the outcome of each kind of odd
value.

Made from what the base models declare next to their columns, so that the page cannot differ from
them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta

from segmentry.generated import GeneratedFile
from segmentry.settings import ROOT, Settings

# Files of macros that state how a column is judged; other macros are not read.
_DECLARING = ("column_specs.sql", "event_fields.sql", "event_columns.sql", "survey_columns.sql")
KINDS = ("wrong type", "placeholder", "too early, too small", "too late, too large", "unknown word")
_HEAD = """# Judgement

Made by `make generate` from the columns of the base models in `dbt_project/models/staging`.
The outcome of an odd value:

- **record**: the record is quarantined with the reason, in `staging.quarantine`
- **field**: the record is accepted; the column is NULL and counted in `observability.data_quality`
  as `column: reason`
- **kept**: the value is accepted as it is

An empty value of an optional column is NULL. An empty value of a column that is marked * costs the
record. Blanks around a value, control characters and marks without width are removed first. Numbers
are read as JSON and CSV write them: `12,50`, `1_000`, `(12.00)` and `Infinity` are of a wrong type,
`NaN` and `n/a` are placeholders. Dates and times are read as ISO 8601 writes them: `31.12.2025` and
a bare number are of a wrong type. A key is an id of a thing: `4711.0` is 4711, and a number of
which a float lost digits is no key. A field that is an object or a list where a text is expected is
kept as its JSON text in columns of text, and is of a wrong type in all others. What else costs a
record is in the `checks` of its base model; amounts of orders are described in
`macros/staging/order_money.sql`.
"""
_TIMES = {
    "date": ("1900-01-01", "a day after loading"),
    "timestamp": ("1990-01-01", "a day after loading"),
    "timestamp_ahead": ("1990-01-01", "2100-01-01 (no end)"),
}


class _Returned(Exception):
    """What a macro of the project returns."""


class _Silence(str):
    """Empty text that a list may be added to."""

    def __add__(self, _: Any) -> _Silence:
        return self

    def __radd__(self, _: Any) -> _Silence:
        return self


def _nothing(*_: Any, **__: Any) -> str:
    """A macro that declares no column."""
    return _Silence()


def generated_files(settings: Settings) -> list[GeneratedFile]:
    """docs/reference/judgement.md."""
    text = _HEAD + "".join(
        _section(name, specs) for name, specs in declared(settings.dbt_project).items()
    )
    return [GeneratedFile(ROOT / "docs" / "reference" / "judgement.md", text)]


def declared(project: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Source to column to how it is judged: type, on_fault, min, max, values, is_required."""
    found = {}
    for path in sorted((project / "models" / "staging").rglob("base_*.sql")):
        found[path.stem.removeprefix("base_")] = _specs(project, path)
    return found


def event_fields(project: Path) -> dict[str, Any]:
    """What is read of an event: name to 'text', or to the same again for an object inside."""
    macros = _macros(jinja2.Environment(extensions=["jinja2.ext.do"]), project)  # noqa: S701 - renders no HTML
    return {**macros["event_fields"](), **macros["event_context_fields"]()}


def _specs(project: Path, path: Path) -> dict[str, dict[str, Any]]:
    specs: dict[str, dict[str, Any]] = {}
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - renders no HTML
    macros = _macros(environment, project)

    def typed_records(
        _: str, columns: Mapping[str, Any], required: Any = (), ignored: Any = ()
    ) -> str:
        given = macros["column_specs"](columns, required)
        specs.update(
            {name: {**spec, "is_required": name in required} for name, spec in given.items()}
        )
        return ""

    def judged_values(_: str, given: Mapping[str, Any], *__: Any) -> str:
        specs.update(
            {
                name: {**spec, "is_required": spec["on_fault"] == "record"}
                for name, spec in given.items()
            }
        )
        return ""

    environment.globals.update({"typed_records": typed_records, "judged_values": judged_values})
    _render(environment, path.read_text(encoding="utf-8"))
    return specs


def _render(environment: jinja2.Environment, text: str) -> Any:
    """The module of a template; every name that it lacks is a macro that declares none."""
    for name in meta.find_undeclared_variables(environment.parse(text)):
        environment.globals.setdefault(name, _nothing)
    return environment.from_string(text).module


def _macros(environment: jinja2.Environment, project: Path) -> dict[str, Any]:
    """The macros that declare columns, called as dbt calls them: what they return is a value."""
    found: dict[str, Any] = {}

    def give_back(value: Any) -> Any:
        raise _Returned(value)

    def wrapped(name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return found[name](*arguments, **named)
            except _Returned as returned:
                return returned.args[0]

        return call

    environment.globals["return"] = give_back
    for file in _DECLARING:
        text = (project / "macros" / "staging" / file).read_text(encoding="utf-8")
        names = re.findall(r"\{%-?\s*macro (\w+)", text)
        environment.globals.update({name: wrapped(name) for name in names})
        module = _render(environment, re.sub(r"(\{%-?\s*macro )(\w+)", r"\1macro__\2", text))
        found.update({name: getattr(module, f"macro__{name}") for name in names})
    return {name: wrapped(name) for name in found}


def _section(source: str, specs: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        f"\n## {source}\n\n",
        f"| column | type | {' | '.join(KINDS)} |\n",
        "|---" * (2 + len(KINDS)) + "|\n",
    ]
    lines += [_row(name, spec) for name, spec in specs.items()]
    return "".join(lines)


def _row(name: str, spec: Mapping[str, Any]) -> str:
    cells = [f"{name}{' *' if spec['is_required'] else ''}", str(spec["type"]), *_cells(spec)]
    return f"| {' | '.join(cells)} |\n"


def _cells(spec: Mapping[str, Any]) -> Iterator[str]:
    kind = str(spec["type"])
    cost = str(spec["on_fault"])
    yield "kept" if kind == "text" else cost
    yield _placeholder(kind, cost)
    low, high = _TIMES.get(kind, (spec["min"], spec["max"]))
    yield (
        f"{cost}, before {low}"
        if kind in _TIMES
        else f"{cost}, below {low:,}"
        if low is not None
        else "-"
    )
    yield (
        f"{cost}, from {high}"
        if kind in _TIMES
        else f"{cost}, above {high:,}"
        if high is not None
        else "-"
    )
    yield _unknown(spec, kind, cost)


def _placeholder(kind: str, cost: str) -> str:
    return "kept" if kind in {"text", "id"} or (kind == "category" and cost == "record") else cost


def _unknown(spec: Mapping[str, Any], kind: str, cost: str) -> str:
    if spec["values"]:
        return f"{cost}, not one of {', '.join(spec['values'])}"
    return (
        cost
        if kind in {"country", "currency"}
        else "kept"
        if kind in {"text", "category", "word", "id", "key"}
        else "-"
    )
