"""A wrong segment is refused with its remedy by `check segments` and by `segments preview`, in the
same words.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import build
from segmentry import generated
from segmentry.errors import SegmentryError
from segmentry.settings import ROOT, Settings
from segments import installed

SQL = "select profile_id from {{{{ ref('profiles') }}}} where {}\n"
YML = (ROOT / "dbt_project/models/segments/loyal_customers.yml").read_text(encoding="utf-8")
RIGHT = "orders_lifetime >= 3"
# The predicate, what is removed from the yml, and a part of the remedy.
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
META = "    config:\n      meta:"
# What dbt would run or evaluate from the yml, as it is put in.
UNSAFE = {
    "hook": (META, "    config:\n      pre_hook: drop table x\n      meta:"),
    "hook with a plus": (META, "    config:\n      +post-hook: drop table x\n      meta:"),
    "materialization": (META, "    config:\n      materialized: incremental\n      meta:"),
    "model's own hook": ("    description:", "    post-hook: drop table x\n    description:"),
    "data test": ("    description:", "    data_tests: [unique]\n    description:"),
    "second model": (
        "unit_tests:",
        "  - {name: orders, config: {pre_hook: drop table x}}\nunit_tests:",
    ),
    "macro": ("unit_tests:", "macros: [{name: as_of}]\nunit_tests:"),
    "override": ("    expect:", "    overrides: {macros: {as_of: now()}}\n    expect:"),
    "input": ("input: ref('profiles')", "input: run_query('drop table x')"),
    "template": ("owner: marketing", "owner: \"{{ env_var('HOME') }}\""),
    "statement": ("owner: marketing", "owner: '{% do run_query(1) %}'"),
}


@pytest.mark.parametrize(("old", "new"), UNSAFE.values(), ids=UNSAFE.keys())
def test_a_yml_contains_nothing_that_dbt_would_run(project: Path, old: str, new: str) -> None:
    path = project / "models" / "segments" / "loyal_customers.yml"
    assert old in YML
    path.write_text(YML.replace(old, new, 1))
    assert "loyal_customers" in str(refusal("check", "segments"))
    assert (
        "plain YAML" in refusal("check", "segments").allowed
        or "schema" in refusal("check", "segments").allowed
    )


STRAY = {
    "another ending": ("more.yaml", b"models: []", "ends with '.yaml'"),
    "a folder": ("mine/big.sql", b"select 1", "in a folder of its own"),
    "alone": ("big.yml", b"models: []", "no SQL next to it"),
    "of a family": ("journey_lapsed.sql", b"select 1", "follows from the variable journeys"),
    "not UTF-8": ("loyal_customers.sql", "select 'ä'".encode("latin-1"), "cannot be read as text"),
}


@pytest.mark.parametrize(("name", "text", "received"), STRAY.values(), ids=STRAY.keys())
def test_a_file_that_is_no_segment_is_reported_and_does_not_reach_dbt(
    home: Settings, project: Path, name: str, text: bytes, received: str
) -> None:
    path = project / "models" / "segments" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text)
    assert received in refusal("check", "segments").received
    copy = generated.write_all(Settings.from_environment()).dbt_project
    assert not (copy / "models/segments" / name).exists()
    made = copy / "models/segments/generated/journey_lapsed.sql"
    assert b"select 1" not in made.read_bytes()
    assert (copy / "models/segments/cart_abandoners.sql").exists(), "the others are read as ever"


def test_a_disabled_segment_is_checked_and_not_evaluated(home: Settings, project: Path) -> None:
    path = project / "models" / "segments" / "loyal_customers.yml"
    path.write_text(YML.replace(META, "    config:\n      enabled: false\n      meta:"))
    settings = Settings.from_environment()
    assert "loyal_customers" not in installed.load_all(settings)
    assert "loyal_customers" not in installed.names(settings)
    assert "is disabled" in refusal("segments", "show", "loyal_customers").received
    copy = generated.write_all(settings).dbt_project / "models" / "segments"
    assert not list(copy.glob("loyal_customers.*"))
    path.with_suffix(".sql").write_text(SQL.format("orders_liftime >= 3"))
    assert "orders_lifetime" in refusal("check", "segments").remedy


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
    path.with_suffix(".yml").write_text(
        YML.replace("priority: 10", "priority: 10\n          kind: batch_only")
    )
    checked = CliRunner().invoke(build(), ["check", "segments"])
    assert checked.exit_code == 0
    assert "1 of free SQL, whose text is not checked: loyal_customers" in checked.output
    assert "into features" in refusal("segments", "preview", str(path)).remedy


def test_a_preview_takes_a_file_or_a_predicate_and_the_guard_reads_both(project: Path) -> None:
    assert "neither" in refusal("segments", "preview").received
    assert (
        "together"
        in refusal("segments", "preview", "a.sql", "--where", "orders_lifetime > 0").received
    )
    error = refusal("segments", "preview", "--where", "no_such_column = 1")
    assert "--where" in str(error) and "no_such_column" in str(error)
