"""docs/reference/judgement.md is what happens: each declared limit of each column, tried on the
base model.
"""

from __future__ import annotations

from typing import Any

import pytest

from segmentry.settings import ROOT, Settings
from sources import judgement
from tests.staging_lake import GOOD, StagingLake

LAKE = StagingLake()
DECLARED = judgement.declared(ROOT / "dbt_project")
WRONG = {
    "integer": "2.5",
    "amount": "12,50",
    "boolean": "perhaps",
    "date": "soon",
    "timestamp": "soon",
    "timestamp_ahead": "soon",
    "id": "[1]",
    "object": "x",
    "list": "x",
    "country": "Atlantis",
}
LATE = {"date": "2999-01-01", "timestamp": "2999-01-01", "timestamp_ahead": "2999-01-01"}
EARLY = {"date": "1899-12-31", "timestamp": "1989-12-31", "timestamp_ahead": "1989-12-31"}


def cases(source: str) -> list[tuple[str, Any, str]]:
    """(column, value, what it costs) of a source whose columns are fields of its records."""
    found = []
    for name, spec in DECLARED[source].items():
        kind = spec["type"]
        cost = spec["on_fault"]
        for values in (WRONG, LATE, EARLY):
            if kind in values:
                found.append((name, values[kind], cost))
        if spec["min"] is not None:
            found += [(name, spec["min"] - 1, cost), (name, spec["max"] + 1, cost)]
        if spec["values"]:
            found.append((name, "no such word", cost))
    return found


def test_every_source_is_on_the_page() -> None:
    assert set(DECLARED) == set(GOOD)
    (page,) = judgement.generated_files(Settings.from_environment())
    assert page.text is not None
    for source, specs in DECLARED.items():
        assert f"\n## {source}\n" in page.text
        assert set(specs), source


@pytest.mark.parametrize("source", sorted(set(GOOD) - {"events"}))
def test_each_column_costs_what_the_page_states(source: str) -> None:
    wanted = cases(source)
    fields = {name: spec["field"] for name, spec in DECLARED[source].items()}
    rows = LAKE.judged(source, [{**GOOD[source], fields[name]: value} for name, value, _ in wanted])
    assert len(wanted) > 2
    for (name, value, cost), row in zip(wanted, rows, strict=True):
        case = (name, value, row["outcome"], row["reason"], row["cleared"])
        if cost == "record":
            assert row["outcome"] == "quarantined", case
        else:
            # A source may have checks of its own that cost the record where this alone would cost
            # the field.
            assert row["outcome"] == "quarantined" or f"{name}: " in (row["cleared"] or ""), case
