"""The home of the console's tests, at which the environment points."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from segmentry import warehouse
from segmentry.settings import Settings
from tests.console import small_home


@pytest.fixture(scope="package")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    place = tmp_path_factory.mktemp("roles") / "home"
    settings = Settings.from_environment({"SEGMENTRY_HOME": str(place)})
    warehouse.prepare(settings)
    small_home.build(settings)
    return settings


@pytest.fixture
def shop(built: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The home; no test changes its lake."""
    for name in (
        "SEGMENTRY_CATALOG", "SEGMENTRY_LAKE_DATA", "SEGMENTRY_LEDGER_URL", "SEGMENTRY_CONFIG",
        "SEGMENTRY_ROLE",
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SEGMENTRY_HOME", str(built.home))
    monkeypatch.setenv("SEGMENTRY_OPERATOR", "olga")
    yield built
