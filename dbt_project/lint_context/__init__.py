"""What dbt would give to templates, for the linter, which renders the models without dbt. See
.sqlfluff.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from jinja2 import pass_context

_PROJECT = yaml.safe_load(
    (Path(__file__).parent.parent / "dbt_project.yml").read_text(encoding="utf-8")
)

execute = False
flags = SimpleNamespace(WHICH="lint")
target = SimpleNamespace(type="duckdb", database="lake", schema="main")
graph = SimpleNamespace(nodes={}, sources={})
modules = SimpleNamespace(re=re)


def var(name: str, default: Any = None) -> Any:
    """A variable of dbt_project.yml."""
    return _PROJECT.get("vars", {}).get(name, default)


def run_query(sql: str) -> Any:
    """No rows: nothing is asked of a database while linting."""
    return SimpleNamespace(columns=[SimpleNamespace(values=list)], rows=[])


def landed_sources() -> list[str]:
    """Sources that staging has a base model of."""
    return _stems("staging", "base_")


def claim_sources() -> list[str]:
    """Sources with claims."""
    return _stems("identity", "claims__")


def claim_relations() -> dict[str, list[str]]:
    """A relation and a time for each of them; dbt reads both from the claims."""
    return {source: ["stg_events__events", "event_at"] for source in claim_sources()}


def feature_subjects() -> list[str]:
    """Subjects of the features."""
    return _stems("features", "features__")


def scored_models() -> list[str]:
    """A model, for the columns that are made of each."""
    return ["churn"]


choice_models = scored_models


def _stems(layer: str, start: str) -> list[str]:
    folder = Path(__file__).parent.parent / "models" / layer
    return sorted(path.stem.removeprefix(start) for path in folder.rglob(f"{start}*.sql"))


def segment_definitions() -> list[SimpleNamespace]:
    """One segment with every part, for the models that are written from all of them."""
    texts = dict.fromkeys(
        ("segment", "version", "owner", "purpose", "exclusive_group", "action"), "example"
    )
    numbers = dict.fromkeys(("priority", "enter_after", "exit_after", "min_stay", "min_size"), 1)
    return [
        SimpleNamespace(
            **texts,
            **numbers,
            max_changed_share=None,
            merge_into=None,
            predicate="true",
            stay_while=None,
        )
    ]


class _Adapter:
    """Finds the DuckDB form of a macro, or its default form."""

    @pass_context
    def dispatch(self, context: Any, name: str, package: str | None = None) -> Any:
        """The macro that dbt would choose for the lake."""
        return context.get(f"duckdb__{name}") or context[f"default__{name}"]


adapter = _Adapter()
