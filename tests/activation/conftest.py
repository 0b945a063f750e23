"""Fixtures of the activation tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from segmentry.settings import Settings
from tests.activation.shop import Shop


@pytest.fixture
def shop(home: Settings, tmp_path: Path) -> Shop:
    """A lake made by hand."""
    return Shop(home, tmp_path / "shop")
