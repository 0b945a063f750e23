"""Models are listed from MLflow's own file as MLflow lists them, whatever changed them there."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml import lifecycle
from ml.registry import embedded
from ml.registry.embedded import EmbeddedRegistry, registry
from ml.registry.kept import MODEL_FILE, RULE_OF
from ml.registry.protocols import ModelVersion
from ml.registry.tracking import Tracker
from segmentry.settings import Settings

MODEL = "churn"


class Trained:
    """A registry that is changed as a training, and a person in MLflow's pages, change it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.tracker = Tracker(settings, MODEL)
        self.client = self.tracker.client
        self.folders: dict[str, Path] = {}

    def version(self, **figures: float) -> str:
        """A registered version with files."""
        day = f"2026-03-{len(self.folders) + 1:02}T00:00:00+00:00"
        tags = {"segmentry.as_of": day, "segmentry.key": f"k{len(self.folders)}"}
        run = self.client.create_run(self.tracker.experiment, tags=tags)
        for name, figure in figures.items():
            self.client.log_metric(run.info.run_id, name, 0.1)
            self.client.log_metric(run.info.run_id, name, figure)
        logged = self.client.create_logged_model(
            self.tracker.experiment, name="model", source_run_id=run.info.run_id
        )
        folder = Path(logged.artifact_location.removeprefix("file://"))
        folder.mkdir(parents=True)
        (folder / MODEL_FILE).write_bytes(b"fitted")
        self._ensure_model()
        made = self.client.create_model_version(
            self.tracker.registered, f"models:/{logged.model_id}", run.info.run_id, tags=tags
        )
        self.folders[str(made.version)] = folder
        return str(made.version)

    def rule(self, published_at: str) -> str:
        """A run that published a plain rule."""
        tags = {"segmentry.as_of": published_at, "segmentry.key": "r", RULE_OF: published_at}
        run = self.client.create_run(self.tracker.experiment, tags=tags)
        self.client.log_metric(run.info.run_id, "heuristic_roc_auc", 0.61)
        return str(run.info.run_id)

    def alias(self, alias: str, version: str) -> None:
        """As in MLflow's pages."""
        self.client.set_registered_model_alias(self.tracker.registered, alias, version)

    def _ensure_model(self) -> None:
        if not self.client.search_registered_models(f"name = '{self.tracker.registered}'"):
            self.client.create_registered_model(self.tracker.registered)


def plain(version: ModelVersion | None) -> Any:
    if version is None:
        return None
    return str(version.version), version.run_id, version.source, dict(version.tags)


def answers(settings: Settings, monkeypatch: pytest.MonkeyPatch, of: Callable[..., Any]) -> Any:
    """All that a person is shown, by that way to read."""
    found = of(settings, MODEL)
    published = found.published()
    figures = {} if published is None else found.metrics(published)
    monkeypatch.setattr(lifecycle, "registry", of)
    return (
        [plain(found.at_alias(alias)) for alias in ("champion", "previous", "absent")],
        [plain(version) for version in found.versions()],
        plain(published),
        {name: "nan" if math.isnan(figure) else figure for name, figure in figures.items()},
        lifecycle.show(settings, MODEL),
        next(row for row in lifecycle.listing(settings) if row["model"] == MODEL),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    home = tmp_path_factory.mktemp("mlflow")
    yield Trained(Settings.from_environment({"SEGMENTRY_HOME": str(home)}))


@pytest.mark.slow
def test_the_file_answers_as_mlflow_does_after_every_change(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def same() -> None:
        assert isinstance(registry(trained.settings, MODEL), EmbeddedRegistry)
        found = answers(trained.settings, monkeypatch, embedded.registry)
        assert found == answers(trained.settings, monkeypatch, Tracker)
        seen.append(repr(found))

    same()
    newest = trained.rule("2026-02-02T00:00:00+00:00")
    trained.rule("2026-01-01T00:00:00+00:00")
    same()
    assert newest in seen[-1]
    first = trained.version(test_roc_auc=0.71, test_brier=float("nan"))
    second = trained.version(test_roc_auc=0.74)
    third = trained.version(test_accuracy=0.5)
    same()
    trained.alias("champion", second)
    trained.alias("previous", first)
    trained.client.set_model_version_tag(
        trained.tracker.registered, second, "segmentry.gate.lift", "passed: 1.2"
    )
    same()
    trained.alias("champion", first)  # a rollback in MLflow's pages
    trained.client.delete_registered_model_alias(trained.tracker.registered, "previous")
    same()
    (trained.folders[first] / MODEL_FILE).unlink()
    same()
    trained.alias("champion", third)
    trained.client.delete_model_version(trained.tracker.registered, second)
    same()
    trained.client.delete_run(newest)
    trained.client.delete_logged_model(
        str(trained.client.get_model_version(trained.tracker.registered, third).source)[8:]
    )
    same()
    assert len(set(seen)) == len(seen), "every change shows"


@pytest.mark.slow
def test_the_tables_are_those_of_the_mlflow_that_is_installed(trained: Trained) -> None:
    """Where this fails after an upgrade, compare the tables, then state the new revision."""
    file = Path(trained.settings.mlflow_uri.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as tables:
        assert tables.execute("select version_num from alembic_version").fetchone() == (
            embedded.REVISION,
        )


@pytest.mark.parametrize(
    "revision", ["create table alembic_version as select 'x1' version_num", ""]
)
def test_other_tables_servers_and_registries_are_read_through_mlflow(
    home: Settings, monkeypatch: pytest.MonkeyPatch, revision: str
) -> None:
    class Asked(Exception):
        """MLflow was asked."""

    def ask(*_: object) -> None:
        raise Asked

    monkeypatch.setattr(embedded, "Tracker", ask)
    file = Path(home.mlflow_uri.removeprefix("sqlite:///"))
    file.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(file) as tables:
        tables.execute(revision or "create table other (id integer)")
    with pytest.raises(Asked):
        registry(home, MODEL)
    with pytest.raises(Asked):
        registry(replace(home, mlflow_uri="http://mlflow.example.com:5000"), MODEL)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "sqlite:///other.db")
    file.unlink()
    with pytest.raises(Asked):
        registry(home, MODEL)


def test_a_list_imports_no_mlflow_and_makes_no_file(home: Settings) -> None:
    program = (
        "import sys; from ml import lifecycle; from segmentry.settings import Settings\n"
        "rows = lifecycle.listing(Settings.from_environment())\n"
        "assert rows and not any(row['champion'] or row['newest'] for row in rows)\n"
        "assert lifecycle.show(Settings.from_environment(), 'churn') == []\n"
        "print(sorted({'mlflow', 'sqlalchemy', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.stdout.strip() == "[]", ended.stderr
    assert not Path(home.mlflow_uri.removeprefix("sqlite:///")).exists()
