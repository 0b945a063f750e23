"""Which of the batch's statements live runs, and the ages that it reads out of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from live import computation, definition
from live.definition import Definition
from ml.data.statements import FOLDER, Statements
from segmentry.errors import NotReadyError
from segmentry.settings import ROOT, Settings

FEATURES = ROOT / "dbt_project" / "models" / "features"


@pytest.mark.parametrize(
    "batches", ["false", "_batch_id in ('a1')", "_batch_id in ('a1', 'b2', 'c3')"]
)
def test_staging_reads_every_line_whatever_the_last_build_read(
    home: Settings, batches: str
) -> None:
    landed = f'select *\n from "lake"."raw"."events"\n where {batches}'
    text = f"with landed as (\n {landed}\n)\nfrom landed"
    _write(home, text)
    found = definition.compiled(home)
    assert "where" not in found.staging
    assert found.staging.endswith(")\nfrom landed")


def test_a_home_without_a_batch_states_what_to_run(home: Settings) -> None:
    with pytest.raises(NotReadyError, match="segmentry run"):
        definition.compiled(home)


def test_edges_are_the_ages_and_intervals_of_the_statements() -> None:
    sql = {
        "profiles.profiles": 'select * from "lake"."features"."a"',
        "features.a": "select count(*) filter (where age_days >= 3 and age_days < 45),"
        " x - interval '30 minutes', y + interval 8 hour",
        "features.unused": "select age_days < 77",
    }
    found = Definition(Statements(sql, {}), "", "")
    assert found.edges == (1800, 8 * 3600, 3 * 86400, 45 * 86400)


def test_every_value_that_is_a_place_among_people_comes_from_the_batch() -> None:
    """A statement that ranks all people would rank the few who are affected among themselves."""
    ranking = {
        path.name for path in FEATURES.glob("*.sql") if re.search(r"\bquintile\(", path.read_text())
    }
    assert ranking == {"features__orders.sql"}
    text = (FEATURES / "features__orders.sql").read_text()
    derived = set(re.findall(r"as (rfm_\w+|value_bracket)", text))
    assert derived == set(computation.FROM_BATCH)


def _write(home: Settings, staging: str) -> None:
    folder = home.home / "dbt" / "target" / FOLDER
    texts: dict[str, str] = {
        "staging/events/base_events.sql": staging,
        "profiles/profiles.sql": "select 1",
        "segments/evaluation/published/effective_members.sql": "select 1",
    }
    for name, text in texts.items():
        path: Path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
