"""The subjects of features are a list in one place, and the folder must agree with it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

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


def test_a_list_in_another_layout_gives_the_same_contract(
    home: Settings, project: Settings
) -> None:
    before = manifest.profiles_yml(home)
    path = project.dbt_project / "dbt_project.yml"
    path.write_text(
        yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8")), sort_keys=False), "utf-8"
    )
    assert manifest.subjects(project) == manifest.subjects(home) != []
    assert manifest.profiles_yml(project) == before


def test_a_subject_that_only_the_folder_has_is_reported(project: Settings) -> None:
    features = project.dbt_project / "models" / "features"
    shutil.copy(features / "features__texts.yml", features / "features__weather.yml")
    with pytest.raises(ConfigError, match="'weather' is missing in the variable feature_subjects"):
        manifest.subjects(project)


def test_a_subject_that_only_the_list_has_is_reported(project: Settings) -> None:
    (project.dbt_project / "models" / "features" / "features__texts.yml").unlink()
    with pytest.raises(ConfigError, match="'texts' is missing in models/features"):
        manifest.subjects(project)
