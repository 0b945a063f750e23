"""Fixtures of the tests of backups."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from segmentry import warehouse
from segmentry.settings import Settings
from tests.backup import stocked


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that is built once; each test has a copy."""
    place = tmp_path_factory.mktemp("stocked") / "home"
    settings = stocked.at(place)
    warehouse.prepare(settings)
    stocked.fill(settings)
    return place


@pytest.fixture(autouse=True)
def as_from_the_command_line() -> Iterator[None]:
    """New files are their owner's alone, as in every process of the command line."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture
def built(full: Path, home: Settings) -> Settings:
    shutil.rmtree(home.home)
    shutil.copytree(full, home.home, symlinks=True)
    return home
