"""Where artifacts go: into the home, unless a server of MLflow has a place of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from mlflow import MlflowClient

from ml.registry import tracking
from segmentry.settings import Settings


class _Client:
    """A client without any experiment."""

    def __init__(self) -> None:
        self.place: str | None = ""

    def get_experiment_by_name(self, _name: str) -> None:
        return None

    def create_experiment(self, _name: str, artifact_location: str | None) -> str:
        self.place = artifact_location
        return "1"


@pytest.mark.parametrize(
    ("uri", "is_in_the_home"),
    [
        ("sqlite:////somewhere/mlflow.db", True),
        ("postgresql+psycopg2://mlflow:secret@127.0.0.1:5432/mlflow", True),
        ("http://mlflow:5000", False),
        ("https://mlflow.example", False),
    ],
)
def test_artifacts_are_never_in_the_folder_of_the_process(
    home: Settings, uri: str, is_in_the_home: bool
) -> None:
    client: Any = _Client()
    settings = replace(home, mlflow_uri=uri)
    tracking._experiment(cast(MlflowClient, client), "churn", settings)
    place = (settings.mlflow_artifacts / "churn").as_uri() if is_in_the_home else None
    assert client.place == place
