"""Accepted records have their keys, and times that can be true.

Staging has judged each record: one fault here is reported, and only many of them stop the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from expectations.suite import Rule, Suite, Table, View, row_faults
from segmentry.errors import ConfigError

# Written by the staging stage when it has built the layer.
_BUILT = "staging._built"
_TIME_TYPES = ("TIMESTAMP", "DATE")
_RULE = {"text", "where", "is_warning"}


@dataclass(frozen=True)
class _Looked:
    """What a staging model's yml states of its rows: the unique column, and its `meta.gate`."""

    key: str | None
    rules: Sequence[tuple[str, str, bool]] = ()


def tables(view: View) -> Sequence[Table]:
    """The accepted records of every source whose staging model is built, however many there are.

    Raises ConfigError for a rule in a model's yml that does not fit, NotReadyError for a model
    without its relation.
    """
    looked = dict(_models(view.settings.dbt_project / "models" / "staging"))
    if view.has(_BUILT):
        # From then on every model of staging has its relation: one that is missing must not lose
        # its gate.
        for relation in sorted(looked):
            view.require(relation, made_by="staging")
    return [
        _table(view, relation, one)
        for relation, one in sorted(looked.items())
        if view.has(relation)
    ]


def _models(folder: Path) -> Iterator[tuple[str, _Looked]]:
    """Relations of accepted records, each with what its yml states."""
    for path in sorted(folder.rglob("stg_*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            unique = [
                column["name"] for column in model.get("columns", []) if "unique" in _tests(column)
            ]
            meta = (model.get("config") or {}).get("meta") or {}
            rules = tuple(_rule(path, rule) for rule in meta.get("gate", ()))
            yield f"staging.{model['name']}", _Looked(unique[0] if unique else None, rules)


def _rule(path: Path, rule: Any) -> tuple[str, str, bool]:
    if not isinstance(rule, dict) or not {"text", "where"} <= rule.keys() <= _RULE:
        raise ConfigError(
            f"{path.name}: an entry of meta.gate is {rule!r}",
            allowed="text (what is true, in words), where (SQL of the rows against it), is_warning",
            remedy="state text and where, as models/staging/orders/stg_orders__orders.yml does",
        )
    return str(rule["text"]), str(rule["where"]), bool(rule.get("is_warning", False))


def _tests(column: dict[str, Any]) -> list[Any]:
    return column.get("data_tests") or []


def _table(view: View, relation: str, looked: _Looked) -> Table:
    columns = view.columns(relation)
    share = view.policies["raw"]
    rules: list[Rule] = []
    times = [
        name
        for name, kind in columns.items()
        if kind.startswith(_TIME_TYPES) and not name.startswith("_")
    ]
    if times:
        late = " or ".join(
            f"{name} < timestamp '1900-01-01' or {name} > timestamp '2200-01-01'" for name in times
        )
        rules += row_faults("times lie between 1900 and 2200", late, relation, share)
    for text, where, is_warning in looked.rules:
        rules += (
            [Rule(text, where, is_warning=True)]
            if is_warning
            else row_faults(text, where, relation, share)
        )
    return Table(
        relation, row_key="record_id", unique=(looked.key,) if looked.key else (), rules=rules
    )


SUITE = Suite("raw", "Accepted records have keys, and times and amounts that can be true.", tables)
