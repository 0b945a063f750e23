"""``segmentry ci report`` compares two versions of the definitions on one lake, which it reads."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import build
from runtime.ci import models, report, sizes, versions
from segmentry import sync_files, warehouse
from segmentry.errors import ConfigError, GuardrailTriggered, NotReadyError, UsageError
from segmentry.settings import ROOT, Settings
from segments import installed

SQL = "select profile_id\nfrom {{{{ ref('profiles') }}}}\nwhere\n    {}\n"
YML = (
    "models:\n  - name: {0}\n    description: People. One row per profile.\n    config:\n"
    "      meta: {{owner: marketing, purpose: marketing, priority: {1}{2}}}\n"
    "unit_tests:\n  - name: {0}_at_its_edges\n    model: {0}\n    given:\n"
    "      - input: ref('profiles')\n        rows: [{{profile_id: a}}]\n    expect: {{rows: []}}\n"
)
ORDERS = {"ann": 1, "bob": 2, "cid": 5, "dan": 9}


@pytest.fixture
def project(home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone whose first commit has two segments; a lake with four profiles."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "config", clone / "config")
    for part in ("models/profiles", "models/features"):
        shutil.copytree(ROOT / "dbt_project" / part, clone / "dbt_project" / part)
    shutil.copy(ROOT / "dbt_project" / "dbt_project.yml", clone / "dbt_project")
    shutil.copytree(ROOT / "ml" / "models", clone / "ml" / "models")
    for path in (clone / "config" / "syncs").glob("*.yml"):
        path.unlink()
    (clone / "dbt_project" / "models" / "segments").mkdir()
    write(clone, "buyers", "orders_lifetime >= 2")
    write(clone, "regulars", "orders_lifetime >= 5")
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        git(clone, *words)
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(clone / "config"))
    monkeypatch.setenv("SEGMENTRY_DBT_PROJECT", str(clone / "dbt_project"))
    return clone


def write(clone: Path, name: str, where: str, priority: int = 10, more: str = "") -> None:
    folder = clone / "dbt_project" / "models" / "segments"
    (folder / f"{name}.sql").write_text(SQL.format(where))
    (folder / f"{name}.yml").write_text(YML.format(name, priority, more))


def git(clone: Path, *words: str) -> None:
    author = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(clone), *author, *words], check=True, capture_output=True)


def fill(orders: Mapping[str, int] = ORDERS) -> None:
    settings = Settings.from_environment()
    with warehouse.connect(settings) as lake:
        words = installed.vocabulary(settings)
        columns = ", ".join(f"{name} {kind}" for name, kind in words.items())
        lake.execute(f"create table lake.profiles.profiles ({columns})")
        lake.executemany(
            "insert into lake.profiles.profiles (profile_id, as_of, orders_lifetime)"
            " values (?, ?, ?)",
            [[name, datetime(2026, 6, 1), count] for name, count in orders.items()],
        )
        lake.execute(
            "create table lake.segments.segment_memberships (segment varchar, profile_id varchar,"
            " entered_at timestamp, definition_version varchar)"
        )
        lake.executemany(
            "insert into lake.segments.segment_memberships values (?, ?, ?, 'v1')",
            [
                [segment, name, datetime(2026, 5, 1)]
                for name, count in orders.items()
                for segment, least in (("buyers", 2), ("regulars", 5))
                if count >= least
            ],
        )


def found() -> tuple[dict[str, sizes.SegmentChange], list[Any]]:
    """The segments of the report by name, and the members after it."""
    settings = Settings.from_environment()
    with versions.compared(settings, "HEAD") as both:
        base, head = sizes.segments_of(both)
        with warehouse.connect(settings, read_only=True) as lake:
            changes = sizes.changes(lake, base, head)
            after = lake.execute(
                f"select segment, profile_id from {sizes.MEMBERS_AFTER} order by all"
            ).fetchall()
    return {one.segment: one for one in changes}, after


@pytest.mark.slow
def test_sizes_before_and_after(project: Path) -> None:
    fill()
    write(project, "buyers", "orders_lifetime >= 1 and orders_lifetime < 9")
    write(project, "lookers", "orders_lifetime < 2")
    for suffix in ("sql", "yml"):
        (project / "dbt_project/models/segments" / f"regulars.{suffix}").unlink()
    segments, after = found()
    buyers = segments["buyers"]
    assert (buyers.before, buyers.after, buyers.entries, buyers.exits) == (3, 3, 1, 1)
    assert [segments[name].change for name in ("buyers", "lookers", "regulars")] == [
        "changed", "added", "removed",
    ]  # fmt: skip
    assert (segments["lookers"].before, segments["lookers"].after) == (0, 1)
    assert segments["regulars"].exits == 2
    assert after == [
        ("buyers", "ann"), ("buyers", "bob"), ("buyers", "cid"), ("lookers", "ann"),
    ]  # fmt: skip


@pytest.mark.slow
def test_of_an_exclusive_group_a_profile_keeps_the_first_by_priority(project: Path) -> None:
    fill()
    write(project, "buyers", "orders_lifetime >= 1", 20, ", exclusive_group: tier")
    write(project, "regulars", "orders_lifetime >= 5", 10, ", exclusive_group: tier")
    _, after = found()
    assert after == [
        ("buyers", "ann"), ("buyers", "bob"), ("regulars", "cid"), ("regulars", "dan"),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_column_that_the_lake_does_not_have_is_named(project: Path) -> None:
    fill()
    with warehouse.connect(Settings.from_environment()) as lake:
        lake.execute("alter table lake.profiles.profiles drop column orders_365d")
    write(project, "buyers", "orders_365d >= 1")
    segments, after = found()
    assert segments["buyers"].after is None
    assert "orders_365d" in segments["buyers"].note
    assert ("buyers", "bob") in after


@pytest.mark.slow
def test_nothing_is_written_and_nothing_is_compiled_without_moves(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill()
    settings = Settings.from_environment()
    with warehouse.connect(settings, read_only=True) as lake:
        before = warehouse.current_snapshot(lake)
    ledger = Path(settings.home / "ledger.sqlite")
    existed = ledger.exists()
    monkeypatch.setattr("segmentry.dbt.invoke", lambda *_a, **_k: pytest.fail("dbt was called"))
    write(project, "buyers", "orders_lifetime >= 2", priority=11)
    made = report.make(settings, "HEAD")
    with warehouse.connect(settings, read_only=True) as lake:
        assert warehouse.current_snapshot(lake) == before
    assert ledger.exists() == existed
    assert {one.segment: one.change for one in made.segments}["buyers"] == "changed"
    assert made.largest_share == 0
    text = report.markdown(made)
    assert "| `buyers` | changed | 3 | 3 | 0 | 0 |  |" in text
    assert "`regulars`" not in text


def test_models_are_affected_by_their_file_and_their_features(project: Path) -> None:
    write(project, "leaving", "churn_score >= 0.5")
    (project / "ml" / "models" / "upsell.py").write_text("MODEL = None\n")
    subject = next((project / "dbt_project/models/features").glob("features__*.sql"))
    subject.write_text(subject.read_text() + "\n")
    settings = Settings.from_environment()
    with versions.compared(settings, "HEAD") as both:
        _, head = sizes.segments_of(both)
        affected = {
            one.model: one for one in models.changes(both, head, sync_files.load(both.head))
        }
    assert "ml/models/upsell.py is changed" in affected["upsell"].why
    assert affected["churn"].segments == ("leaving",)
    assert subject.stem.removeprefix("features__") in affected["churn"].why


@pytest.mark.parametrize("ref", ["no-such-branch", "--output=x", "HEAD:config"])
def test_a_base_that_is_no_commit_is_wrong_use(project: Path, ref: str) -> None:
    with (
        pytest.raises(UsageError, match="is no commit"),
        versions.compared(Settings.from_environment(), ref),
    ):
        pass


def test_definitions_outside_of_git_are_wrong_use(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(project / ".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    with (
        pytest.raises(UsageError, match="in no git repository"),
        versions.compared(Settings.from_environment(), "HEAD"),
    ):
        pass


def test_a_refused_definition_is_named_with_its_version(project: Path) -> None:
    write(project, "buyers", "no_such_column = 1")
    with pytest.raises(ConfigError, match=r"buyers\.sql"):
        found()
    git(project, "commit", "-qam", "refused")
    write(project, "buyers", "orders_lifetime >= 2")
    with pytest.raises(UsageError, match="the segments of the base cannot be read"):
        found()


def test_a_lake_without_profiles_is_not_ready(project: Path) -> None:
    with pytest.raises(NotReadyError, match=r"profiles\.profiles"):
        found()


@pytest.mark.slow
def test_the_verb_writes_the_file_and_stops_at_the_limit(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill()
    monkeypatch.setattr("runtime.ci.rows.changes", lambda *_a, **_k: [])
    write(project, "regulars", "orders_lifetime >= 9")
    out = tmp_path / "report.md"
    words = ["ci", "report", "--out", str(out)]
    done = CliRunner().invoke(build(), [*words, "--output", "json"], standalone_mode=False)
    assert done.exception is None, done.exception
    assert json.loads(done.stdout)["largest_share"] == 0.5
    assert "| `regulars` | changed | 2 | 1 | 0 | 1 |  |" in out.read_text()
    for name in ORDERS:
        assert name not in out.read_text()
    stopped = CliRunner().invoke(build(), [*words, "--fail-above", "0.4"], standalone_mode=False)
    assert isinstance(stopped.exception, GuardrailTriggered)
    assert stopped.exception.exit_code == 3
    bad = CliRunner().invoke(
        build(), ["ci", "report", "--out", str(tmp_path / "no" / "x")], standalone_mode=False
    )
    assert isinstance(bad.exception, UsageError)
