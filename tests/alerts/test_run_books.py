"""Each kind of incident has a section that states what to do."""

from __future__ import annotations

import re

import pytest

from runtime.alerts.watch import kinds
from segmentry.settings import ROOT

PAGE = ROOT / "docs" / "how-to" / "incidents.md"


@pytest.mark.parametrize("kind", [*sorted(kinds()), "watch"])
def test_each_kind_has_a_run_book(kind: str) -> None:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    (section,) = [one for one in sections if f"`{kind}`" in one.splitlines()[0]]
    assert "segmentry " in section
