"""Reads the commands out of the documentation."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from segmentry.settings import ROOT

_BLOCK = re.compile(r"^```(?:bash|console|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One command line of a page, with the page."""

    page: Path
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.text}"

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def commands(page: Path) -> list[Command]:
    """Commands of the page's shell blocks, continuation lines joined, comments left out.

    A line that ends within quotes goes on in the next one, as in a shell.
    """
    found = []
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        begun = ""
        for line in block.replace("\\\n", " ").splitlines():
            text = f"{begun} {line.strip()}" if begun else line.strip().removeprefix("$ ")
            begun = text if _quote_is_open(text) else ""
            if text and not begun and not text.startswith("#"):
                found.append(Command(page, text))
        if begun:
            raise ValueError(f"{page.relative_to(ROOT)}: no closing quotation in: {begun}")
    return found


def _quote_is_open(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False
