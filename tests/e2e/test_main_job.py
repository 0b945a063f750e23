"""The whole job on a small shop: again without news, and killed at every stage."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from segmentry import warehouse
from segmentry.freshness import SCHEMAS
from segmentry.settings import ROOT, Settings
from segmentry.stages import STAGES
from simulator import receiver
from tests.e2e._job import SEGMENTRY, Installation

# A job per stage, twice: on a busy machine longer than one test is given elsewhere.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
PEOPLE = "150"
DAYS = "120"
SEED = "5"
# When and under which random name a thing was done; everything else must be the same.
AUDIT = (
    "_loaded_at",
    "loaded_at",
    "_batch_id",
    "_file",
    "scored_at",
    "trained_at",
    "finished_at",
    "started_at",
    "recorded_at",
)


@dataclass(frozen=True)
class Shop(Installation):
    """A home with a shop in its inbox and tools to send to; variables are what its commands need to
    find both.
    """

    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SEGMENTRY_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            **self.variables,
        }

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    def segmentry(self, *words: str) -> Any:
        return json.loads(self.call(*words, "--output", "json", **self.variables))


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "inbox"
    shop = Shop(folder.parent / "maker")
    shop.segmentry(
        "simulate", "--people", PEOPLE, "--days", DAYS, "--seed", SEED, "--out", str(folder)
    )
    return folder


def opened(home: Path, inbox: Path) -> Iterator[Shop]:
    shop = Shop(home, {"SEGMENTRY_INBOX": str(inbox)})
    with receiver.running(shop.settings) as variables:
        shop.variables.update(variables)
        yield shop


@pytest.fixture(scope="module")
def shop(inbox: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    yield from opened(tmp_path_factory.mktemp("undisturbed"), inbox)


@pytest.fixture(scope="module")
def first(shop: Shop) -> dict[str, Any]:
    summary: dict[str, Any] = shop.segmentry("run", "--no-airflow")
    return summary


def contents(shop: Shop) -> dict[str, tuple[int, int]]:
    """Rows of each table and a value that depends on all of them but not on their order."""
    found = {}
    with warehouse.connect(shop.settings, read_only=True) as lake:
        tables = lake.execute(
            "select table_schema, table_name, list(column_name order by ordinal_position) "
            "from information_schema.columns where table_catalog = 'lake' group by all"
        ).fetchall()
        for schema, table, columns in tables:
            kept = [f'"{name}"' for name in columns if name not in AUDIT]
            if schema in SCHEMAS and not table.startswith("_") and kept:
                value = f"coalesce(sum(hash({', '.join(kept)})::hugeint), 0)"
                row = lake.execute(
                    f'select count(*), {value} from lake.{schema}."{table}"'
                ).fetchone()
                assert row is not None
                found[f"{schema}.{table}"] = (row[0], row[1])
    return found


def test_the_job_reaches_every_stage(first: dict[str, Any]) -> None:
    reached = {row["stage"].partition("[")[0] for row in first["stages"]}
    assert reached == {stage.name for stage in STAGES}
    assert all(gate["passed"] for gate in first["gates"])
    assert sum(segment["people"] for segment in first["segments"]) > 0


def test_again_without_news_nothing_changes_and_nothing_is_sent(
    first: dict[str, Any], shop: Shop
) -> None:
    before = contents(shop)
    sent = shop.value("select count(*) from activation.sync_changelog")
    assert sent > 0
    again = shop.segmentry("run", "--no-airflow")
    assert contents(shop) == before
    assert shop.value("select count(*) from activation.sync_changelog") == sent
    print(
        f"first {first['seconds']:.0f} s, again {again['seconds']:.0f} s; {len(before)} tables the"
        " same"
    )
    assert again["segments"] == first["segments"]
    assert not any(row["stage"].startswith("load[") for row in again["stages"])


def test_a_change_is_reported_with_its_rows_and_changes_nothing(
    first: dict[str, Any], shop: Shop, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    for name in ("config", "dbt_project"):
        shutil.copytree(ROOT / name, clone / name)
    author = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(clone), *author, *words], check=True, capture_output=True)
    file = clone / "config" / "syncs" / "newsletter_file.yml"
    file.write_text(file.read_text().replace("  country: {from: country}\n", ""))
    segment = clone / "dbt_project" / "models" / "segments" / "loyal_customers.sql"
    segment.write_text(
        "select profile_id\nfrom {{ ref('profiles') }}\nwhere\n    orders_lifetime >= 0\n"
    )
    before = contents(shop)
    places = {"SEGMENTRY_CONFIG": str(clone / "config")}
    places["SEGMENTRY_DBT_PROJECT"] = str(clone / "dbt_project")
    made = json.loads(shop.call("ci", "report", "--output", "json", **shop.variables, **places))
    assert contents(shop) == before
    segments = {one["segment"]: one for one in made["segments"]}
    people = shop.value("select count(*) from profiles.profiles where orders_lifetime >= 0")
    assert segments["loyal_customers"]["after"] == people
    syncs = {one["sync"]: one for one in made["syncs"]}
    for name, one in syncs.items():
        assert one["before"] == shop.value(f"select count(*) from audiences.aud_{name}")
        assert one["after"] == one["before"] + one["added"] - one["removed"]
    assert syncs["newsletter_file"]["changed"] == syncs["newsletter_file"]["before"]
    assert "resync" in syncs["newsletter_file"]["note"]
    assert syncs["segment_export"]["added"] > 0


def test_killed_at_every_stage_it_ends_the_same(
    first: dict[str, Any], shop: Shop, inbox: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    durations: dict[str, float] = {}
    for row in first["stages"]:
        name = row["stage"].partition("[")[0]
        durations[name] = durations.get(name, 0.0) + row["seconds"]
    for disturbed in opened(tmp_path_factory.mktemp("disturbed"), inbox):
        killed = 0
        for stage in STAGES:
            words = [str(SEGMENTRY), "run", "--no-airflow", "--select", stage.name]
            quiet = subprocess.DEVNULL
            job = subprocess.Popen(
                words, env=disturbed.environment, cwd=ROOT, stderr=quiet, stdout=quiet
            )
            try:
                # Two seconds are what the command takes to start; then half of the stage's own
                # time.
                job.wait(2.0 + durations.get(stage.name, 0.0) / 2)
            except subprocess.TimeoutExpired:
                job.kill()
                job.wait()
                killed += 1
            disturbed.segmentry("run", "--no-airflow", "--select", stage.name)
        print(f"killed in {killed} of {len(STAGES)} stages")
        assert killed >= len(STAGES) // 2
        ours = contents(disturbed)
        theirs = contents(shop)
        assert {name for name in ours | theirs if ours.get(name) != theirs.get(name)} == set()
