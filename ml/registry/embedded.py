"""MLflow's own SQLite file, read without MLflow: a list of models asks for a few rows, and the
import of MLflow takes ten times as long as they do.

``ml.lifecycle`` shows versions by it; whatever writes or loads a model goes through ``Tracker``.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.registry import moved
from ml.registry.kept import RULE_OF, is_lost, newest_rule
from ml.registry.protocols import ModelRegistry, ModelVersion
from ml.registry.tracking import Tracker
from segmentry.settings import Settings

# The revision of MLflow's tables that the queries below are written for. Tables of another one are
# read through MLflow.
REVISION = "dc11669786a5"
_VERSIONS = """
    select version, run_id, source
    from model_versions
    where name = ? and workspace = 'default' and current_stage <> 'Deleted_Internal'
    order by version desc
"""
_ALIASES = (
    "select alias, version from registered_model_aliases where workspace = 'default' and name = ?"
)
_VERSION_TAGS = """
    select key, value
    from model_version_tags
    where workspace = 'default' and name = ? and version = ?
"""
_RUN_TAGS = "select key, value from tags where run_uuid = ?"
_LOCATIONS = (
    "select model_id, artifact_location from logged_models where lifecycle_stage <> 'deleted'"
)
_METRICS = """
    select key, case when is_nan then null else value end
    from latest_metrics
    where run_uuid = ?
"""
_RULES = f"""
    select runs.run_uuid
    from runs
    inner join experiments on runs.experiment_id = experiments.experiment_id
    inner join tags on runs.run_uuid = tags.run_uuid
    where
        experiments.name = ? and experiments.workspace = 'default'
        and runs.lifecycle_stage = 'active' and tags.key = '{RULE_OF}' and tags.value <> ''
    order by runs.start_time desc, runs.run_uuid
"""


def registry(settings: Settings, model: str) -> ModelRegistry:
    """What MLflow has of one model, to read: its own file where that is on this machine and has the
    tables that are known here, MLflow in every other case.
    """
    file = _file(settings.mlflow_uri)
    if file is None or os.environ.get("MLFLOW_REGISTRY_URI"):
        return Tracker(settings, model)
    if not file.exists():
        return EmptyRegistry()
    moved.follow(settings)
    known = _revision(file) == REVISION
    return EmbeddedRegistry(file, model) if known else Tracker(settings, model)


def _file(uri: str) -> Path | None:
    place = uri.removeprefix("sqlite:///")
    return Path(place) if place != uri and "?" not in place else None


def _revision(file: Path) -> str | None:
    with _reading(file) as tables:
        try:
            row = tables.execute("select version_num from alembic_version").fetchone()
        except sqlite3.DatabaseError:
            return None
    return str(row[0]) if row else None


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as tables:
        yield tables


@dataclass(frozen=True)
class RegisteredVersion:
    """A registered version as the tables have it."""

    version: str
    run_id: str
    source: str
    tags: Mapping[str, str]


class EmptyRegistry:
    """The registry of a home in which no model was trained: there is no file, and none is made."""

    def at_alias(self, alias: str = "champion") -> ModelVersion | None:
        """None."""

    def versions(self) -> list[ModelVersion]:
        """None of them."""
        return []

    def published(self) -> ModelVersion | None:
        """None."""

    def metrics(self, version: ModelVersion) -> Mapping[str, float]:
        """None of them."""
        return {}


class EmbeddedRegistry:
    """The registry of one model in a file of MLflow. Every answer is what the file has then."""

    def __init__(self, file: Path, model: str) -> None:
        self.file = file
        self.registered = f"segmentry.{model}"
        self.experiment = f"segmentry/{model}"

    def at_alias(self, alias: str = "champion") -> ModelVersion | None:
        """The version with the alias, or None; None too if its files are missing."""
        with _reading(self.file) as tables:
            number = _pairs(tables, _ALIASES, self.registered).get(alias)
            locations = _pairs(tables, _LOCATIONS)
        for version in self.versions():
            if version.version == str(number):
                return None if is_lost(version.source, locations.get) else version
        return None

    def versions(self) -> list[ModelVersion]:
        """Every registered version, the newest first."""
        with _reading(self.file) as tables:
            return [
                RegisteredVersion(
                    str(number),
                    run_id,
                    source,
                    _pairs(tables, _VERSION_TAGS, self.registered, number),
                )
                for number, run_id, source in tables.execute(_VERSIONS, [self.registered])
            ]

    def published(self) -> ModelVersion | None:
        """What gives the scores: the champion, or the plain rule while there is none."""
        return self.at_alias("champion") or self._rule()

    def metrics(self, version: ModelVersion) -> Mapping[str, float]:
        """Figures of the run that trained a version, the last of each name."""
        with _reading(self.file) as tables:
            found = _pairs(tables, _METRICS, version.run_id)
        return {name: math.nan if value is None else value for name, value in found.items()}

    def _rule(self) -> ModelVersion | None:
        with _reading(self.file) as tables:
            runs = [run for (run,) in tables.execute(_RULES, [self.experiment])]
            return newest_rule((run, _pairs(tables, _RUN_TAGS, run)) for run in runs)


def _pairs(tables: sqlite3.Connection, query: str, *parameters: str | int) -> dict[str, Any]:
    return dict(tables.execute(query, parameters).fetchall())
