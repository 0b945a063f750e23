"""The address of MLflow stays in the process that uses it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from ml.registry.tracking import Tracker
from segmentry.settings import Settings


def test_a_tracker_leaves_the_environment_as_it_is(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Tracker(home, "churn")
    assert "MLFLOW_TRACKING_URI" not in os.environ
    assert Settings.from_environment().mlflow_uri == home.mlflow_uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///given.db")
    other = replace(home, mlflow_uri=f"sqlite:///{tmp_path / 'other.db'}")
    assert Tracker(other, "churn").client.tracking_uri == other.mlflow_uri
    assert os.environ["MLFLOW_TRACKING_URI"] == "sqlite:///given.db"
