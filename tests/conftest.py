"""Fixtures that every room shares."""

from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from segmentry import warehouse
from segmentry.settings import ROOT, Settings

SHARED_DATA = ROOT.parent / "shared" / "data"

# The same code gives the same result; `make soak` looks further, at other examples each time.
hypothesis.settings.register_profile("same", derandomize=True, database=None)
hypothesis.settings.register_profile("search", derandomize=False, print_blob=True)
hypothesis.settings.load_profile("same")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty, prepared installation of its own; the environment points at it."""
    for name in (
        "SEGMENTRY_CATALOG",
        "SEGMENTRY_LAKE_DATA",
        "SEGMENTRY_LEDGER_URL",
        "SEGMENTRY_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("SEGMENTRY_INBOX", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "home"))
    settings = Settings.from_environment()
    warehouse.prepare(settings)
    return settings


def shared_data(name: str) -> Path:
    """A folder of public data next to the checkout; the test is skipped, with the reason, where it
    is absent.
    """
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"public data set '{name}' is not next to this checkout")
    return path
