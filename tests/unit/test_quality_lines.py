"""The run's summary has a line for each kind of loss that ``observability.data_quality`` counts."""

from __future__ import annotations

import pytest
import yaml

from cli import _quality
from segmentry import warehouse
from segmentry.settings import Settings
from tests.dbt_sql import PROJECT

# What landed and was accepted, what was empty, and what other subjects count again.
AS_IT_SHOULD_BE = {
    "records_landed", "records_accepted", "records_quarantined_by_reason", "values_landed",
    "values_accepted",
    "values_empty", "times_by_basis",
}  # fmt: skip


def test_each_subject_of_a_loss_has_a_line() -> None:
    columns = yaml.safe_load((PROJECT / "models/observability/data_quality.yml").read_text())[
        "models"
    ][0]["columns"]
    (subjects,) = (column["data_tests"][0] for column in columns if column["name"] == "subject")
    subjects = set(subjects["accepted_values"]["arguments"]["values"])
    assert {kind.subject for kind in _quality.KINDS} == subjects - AS_IT_SHOULD_BE


def test_totals_are_in_words_with_a_command_that_shows_more(home: Settings) -> None:
    with warehouse.connect(home) as lake:
        assert _quality.lines(lake) == []
        lake.execute(
            f"create table lake.{_quality.RELATION} as select * from (values ('orders', 'b1',"
            " 'records_quarantined', null, 2), ('orders', 'b2', 'records_quarantined', null, 3),"
            " ('events', 'b3', 'values_cleared', 'country: unknown_value', 7), ('events', 'b3',"
            " 'values_cleared', 'price: out_of_range', 1), ('events', 'b3', 'values_landed',"
            " 'price', 9)) as t (source, batch_id, subject, name, counted)"
        )
        lines = _quality.lines(lake)
    assert [(line["counted"], line["what"]) for line in lines] == [
        (5, "records are in quarantine"),
        (8, "values were cleared: they are no good for their column"),
        (7, "of them are unknown countries"),
    ]
    assert lines[0]["more"] == "segmentry quarantine list"


@pytest.mark.parametrize(
    "kind", [kind for kind in _quality.KINDS if not kind.command], ids=lambda kind: kind.text
)
def test_the_query_of_a_line_is_one_that_the_product_runs(
    home: Settings, kind: _quality.SummaryLine
) -> None:
    sql = kind.more.removeprefix('segmentry query "').removesuffix('"')
    with warehouse.connect(home) as lake:
        lake.execute(
            f"create table lake.{_quality.RELATION} as select 's' as source, 'n' as name,"
            f" '{kind.subject}' as subject, 4 as counted"
        )
    with warehouse.connect(home, read_only=True) as lake:
        lake.execute("use lake")
        assert lake.execute(sql).fetchall() == [("s", "n", 4)]
