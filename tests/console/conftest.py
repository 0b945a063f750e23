"""One prepared home for all tests of a file; none of them changes its lake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from segmentry import warehouse
from segmentry.settings import Settings
from tests.console import small_home


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The home of ``small_home``."""
    place = tmp_path_factory.mktemp("console") / "home"
    settings = Settings.from_environment({"SEGMENTRY_HOME": str(place)})
    warehouse.prepare(settings)
    small_home.build(settings)
    yield settings


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home in which nothing has run."""
    place = tmp_path_factory.mktemp("console_empty") / "home"
    return Settings.from_environment({"SEGMENTRY_HOME": str(place)})
