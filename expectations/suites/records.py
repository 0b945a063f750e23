"""Accepted records have their keys, and times that can be true.

Staging has judged each record: one fault here is reported, and only many of them stop the job.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from expectations.suite import Rule, Suite, Table, View, row_faults
from segmentry.errors import ConfigError

# Written by the staging stage when it has built the layer.
_BUILT = "staging._built"
_TIME_TYPES = ("TIMESTAMP", "DATE")
# What is looked at besides keys and times, by relation.
_MORE: dict[str, Sequence[tuple[str, str, bool]]] = {
    "staging.stg_events__events": (
        (
            "an event names somebody",
            (
                "anonymous_id is null and user_id is null and previous_id is null and device_id is"
                " null"
            ),
            True,
        ),
    ),
    "staging.stg_orders__orders": (
        ("a completed order's total is not negative", "status = 'completed' and total < 0", False),
    ),
}


def tables(view: View) -> Sequence[Table]:
    """The accepted records of every source whose staging model is built, however many there are.

    Raises ConfigError for a rule on a relation that no model makes, NotReadyError for a model
    without its relation.
    """
    keys = dict(_keys(view.settings.dbt_project / "models" / "staging"))
    if unknown := sorted(_MORE.keys() - keys.keys()):
        raise ConfigError(
            f"expectations/suites/records.py has a rule for {unknown[0]}, which no staging model"
            " makes",
            allowed=", ".join(sorted(keys)),
            remedy="name the relation as the model's yml does, or remove the rule",
        )
    if view.has(_BUILT):
        # From then on every model of staging has its relation: one that is missing must not lose
        # its gate.
        for relation in sorted(keys):
            view.require(relation, made_by="staging")
    return [
        _table(view, relation, key) for relation, key in sorted(keys.items()) if view.has(relation)
    ]


def _keys(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Relations of accepted records, each with the column that its yml says is unique."""
    for path in sorted(folder.rglob("stg_*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            unique = [
                column["name"] for column in model.get("columns", []) if "unique" in _tests(column)
            ]
            yield f"staging.{model['name']}", unique[0] if unique else None


def _tests(column: dict[str, Any]) -> list[Any]:
    return column.get("data_tests") or []


def _table(view: View, relation: str, key: str | None) -> Table:
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
    for text, where, is_warning in _MORE.get(relation, ()):
        rules += (
            [Rule(text, where, is_warning=True)]
            if is_warning
            else row_faults(text, where, relation, share)
        )
    return Table(relation, row_key="record_id", unique=(key,) if key else (), rules=rules)


SUITE = Suite("raw", "Accepted records have keys, and times and amounts that can be true.", tables)
