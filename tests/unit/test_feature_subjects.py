"""The subjects of features are the folder's files, for dbt and for the contract of profiles."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from segmentry import registry
from segmentry.errors import ConfigError
from segmentry.settings import Settings
from segments import manifest


@pytest.fixture
def project(home: Settings, tmp_path: Path) -> Settings:
    """A copy of the project's variables, features and what the contract of profiles reads."""
    copy = tmp_path / "project"
    for name in ("models/features", "models/identity"):
        shutil.copytree(home.dbt_project / name, copy / name)
    shutil.copy(home.dbt_project / "dbt_project.yml", copy)
    return replace(home, dbt_project=copy)


def test_a_copy_of_the_folder_gives_the_same_contract(home: Settings, project: Settings) -> None:
    assert registry.feature_subjects(project) == registry.feature_subjects(home) != []
    assert manifest.profiles_yml(project) == manifest.profiles_yml(home)


def test_a_new_pair_of_files_is_a_subject_of_dbt_and_of_the_contract(project: Settings) -> None:
    features = project.dbt_project / "models" / "features"
    yml = (features / "features__texts.yml").read_text(encoding="utf-8")
    (features / "features__weather.yml").write_text(yml.replace("texts", "weather"), "utf-8")
    (features / "features__weather.sql").write_text("select 1\n", "utf-8")
    assert "weather" in registry.feature_subjects(project)
    assert "'weather'" in registry.texts(project)["features/generated/feature_subjects.sql"]
    assert manifest.columns(project, "weather")


def test_a_subject_without_sql_is_reported(project: Settings) -> None:
    features = project.dbt_project / "models" / "features"
    shutil.copy(features / "features__texts.yml", features / "features__weather.yml")
    with pytest.raises(ConfigError, match=r"'weather' has no features__weather\.sql"):
        manifest.profiles_yml(project)


def test_a_subject_without_yml_is_reported(project: Settings) -> None:
    (project.dbt_project / "models" / "features" / "features__texts.yml").unlink()
    with pytest.raises(ConfigError, match=r"'texts' has no features__texts\.yml"):
        manifest.profiles_yml(project)
