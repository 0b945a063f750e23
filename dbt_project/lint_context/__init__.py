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
