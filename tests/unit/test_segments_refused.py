"""A wrong segment is refused with its remedy by `check segments` and by `segments preview`, in the same words."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build
from segmentry.errors import SegmentryError
from segmentry.settings import ROOT, Settings

SQL = "select profile_id from {{{{ ref('profiles') }}}} where {}\n"
YML = (ROOT / "dbt_project/models/segments/loyal_customers.yml").read_text(encoding="utf-8")
RIGHT = "orders_lifetime >= 3"
# The predicate, what is taken out of the yml, and a part of the remedy.
WRONG = {
    "unknown column": ("orders_liftime >= 3", "", "did you mean orders_lifetime"),
    "clock": ("last_order_at > now()", "", "days_since_last_order"),
    "sub-query": ("profile_id in (select profile_id from other)", "", "reads one row at a time"),
    "aggregate": ("sum(orders_lifetime) > 3", "", "reads one row at a time"),
    "type": ("orders_lifetime > '3'", "", "column's own type"),
    "purpose": (RIGHT, "purpose: marketing", "correct that place in the file"),
    "priority": (RIGHT, "priority: 10", "correct that place in the file"),
    "grain": (RIGHT, "One row per profile.", "One row per profile"),
    "yml": (RIGHT, YML, "segmentry segments new"),
}


@pytest.fixture
def project(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "dbt_project"
    for part in ("models/segments", "models/profiles"):
        shutil.copytree(ROOT / "dbt_project" / part, copy / part)
    shutil.copyfile(ROOT / "dbt_project" / "dbt_project.yml", copy / "dbt_project.yml")
    monkeypatch.setenv("SEGMENTRY_DBT_PROJECT", str(copy))
    return copy


def refusal(*words: str) -> SegmentryError:
    result = CliRunner().invoke(build(), list(words), standalone_mode=False)
    assert isinstance(result.exception, SegmentryError), result.output
    return result.exception


@pytest.mark.parametrize(("where", "without", "remedy"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_segment_is_refused_by_the_check_and_at_preview(
    project: Path, where: str, without: str, remedy: str
) -> None:
    path = project / "models" / "segments" / "loyal_customers.sql"
    path.write_text(SQL.format(where))
    text = YML.replace(without, "") if without else YML
    path.with_suffix(".yml").write_text(text) if text else path.with_suffix(".yml").unlink()
    errors = [refusal("check", "segments"), refusal("segments", "preview", str(path))]
    for error in errors:
        assert remedy in error.remedy
        assert "loyal_customers" in str(error), "the file is named"
    assert str(errors[0]) == str(errors[1])


def test_free_sql_passes_the_check_and_is_refused_at_preview(project: Path) -> None:
    path = project / "models" / "segments" / "loyal_customers.sql"
    path.write_text("select profile_id from {{ ref('orders') }} group by profile_id")
    path.with_suffix(".yml").write_text(YML.replace("priority: 10", "priority: 10\n          kind: batch_only"))
    assert CliRunner().invoke(build(), ["check", "segments"]).exit_code == 0
    assert "into features" in refusal("segments", "preview", str(path)).remedy
