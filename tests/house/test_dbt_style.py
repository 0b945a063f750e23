"""The shape of the dbt project: pairs of files, grain in the description, a unit test wherever
there is a case.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from segmentry.settings import ROOT
from tests.house.test_budgets import relative, tracked

MODELS = ROOT / "dbt_project" / "models"


@cache
def models() -> dict[str, tuple[Path, dict[str, Any], set[str]]]:
    """Model name to its SQL file, its yml entry, and the models its yml unit-tests."""
    found = {}
    for path in tracked("dbt_project/models/*.sql"):
        pair = path.with_suffix(".yml")
        content = yaml.safe_load(pair.read_text(encoding="utf-8")) if pair.exists() else {}
        entry = next((m for m in content.get("models", []) if m["name"] == path.stem), {})
        found[path.stem] = (path, entry, {test["model"] for test in content.get("unit_tests", [])})
    assert found
    return found


def test_sql_and_yml_share_a_stem() -> None:
    alone = [relative(path) for path, entry, _ in models().values() if not entry]
    assert not alone, "no yml of the same stem that describes the model:\n" + "\n".join(alone)


def test_descriptions_state_the_grain() -> None:
    silent = [
        f"{relative(path)}: {entry.get('description', '')!r}"
        for path, entry, _ in models().values()
        if not re.search(r"[Oo]ne row (per|for)\b", str(entry.get("description", "")))
    ]
    assert not silent, "a description states what one row is ('One row per ...'):\n" + "\n".join(
        silent
    )


def test_a_case_has_a_unit_test() -> None:
    untested = [
        relative(path)
        for name, (path, _, tested) in models().items()
        if re.search(r"\bcase\b(?=.*?\bwhen\b)", _code(path), re.DOTALL) and name not in tested
    ]
    assert not untested, "a model with a case has a unit test in its yml:\n" + "\n".join(untested)


def test_no_wall_clock_in_sql() -> None:
    clock = re.compile(
        r"\b(now\(\)|current_date|current_timestamp|getdate\(\)|today\(\))", re.IGNORECASE
    )
    files = [path for path in tracked("dbt_project/*.sql") if clock.search(_code(path))]
    assert not files, "as_of is the only clock: " + ", ".join(relative(path) for path in files)


def _code(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    return re.sub(r"--[^\n]*", "", text)
