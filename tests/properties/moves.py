"""A town of people, accounts, consent and sync files, which explicit steps change.

The real engine, ledger, consent gate and stages, over a lake in memory. The two tools are of the
test: one has lists, whose ids belong to one account, the other has attributes. A key of another
account finds nobody there, as at real tools, and the tool answers that all was done. A run is
killed at any transaction and at any request. A step is three values, so that a sequence can be
written down, repeated and shortened.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from segmentry.settings import ROOT, Settings
from tests.properties.memory_lake import clear, open_lake, read_once, work_over
from tests.properties.town import Step, Town

KILLS = 90  # a run of some syncs has about so many transactions and requests


def founder(tmp_path: Path, home: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Town]:
    """Makes towns, one after the other, over one lake."""
    lake = open_lake()
    read_once(monkeypatch)
    made = 0

    def make() -> Town:
        nonlocal made
        made += 1
        config = tmp_path / f"config{made}"
        (config / "syncs").mkdir(parents=True)
        (config / "policies.yml").write_bytes((ROOT / "config" / "policies.yml").read_bytes())
        for ledger in home.home.glob("ledger*"):
            ledger.unlink()
        for variable in ("TOOL_URL_FORMER", "TOOL_KEY_FORMER"):
            monkeypatch.delenv(variable, raising=False)
        clear(lake)
        town = Town(replace(home, config=config), lake, monkeypatch)

        work_over(lake, monkeypatch, lambda: town.snapshot)
        monkeypatch.setattr("activation.destination.all_destinations", town.destinations)
        return town

    return make


CHANGES = (
    "consent", "consent", "suppress", "address", "account", "file", "fill", "fill", "segment",
    "relist", "tool", "attribute", "share", "mode", "enabled", "delete", "renamed", "name",
)  # fmt: skip


def drawn(seed: int, changes: int = 18) -> list[Step]:
    """A sequence of so many changes, with runs and what an operator does between them."""
    dice = random.Random(seed)
    steps: list[Step] = [("file", 0, 127), ("file", 1, dice.randrange(128))]
    for _ in range(changes):
        steps.append((dice.choice(CHANGES), dice.randrange(60), dice.randrange(128)))
        if dice.random() < 0.6:
            kill_at = dice.randrange(1, KILLS) if dice.random() < 0.5 else 0
            steps.append(("run", 0, kill_at))
        chance = dice.random()
        if chance < 0.2:
            steps.append(("recall", 0, 0))
        elif chance < 0.3:
            steps.append(("release", 0, 0))
        elif chance < 0.4:
            steps.append(("retire", dice.randrange(60), 0))
    return steps


def shortest(steps: list[Step], is_wrong: Callable[[list[Step]], bool]) -> list[Step]:
    """A shorter sequence that is wrong as well, of which no step can be left out."""
    size = len(steps) // 2
    while size:
        start = 0
        while start < len(steps):
            fewer = steps[:start] + steps[start + size :]
            if is_wrong(fewer):
                steps = fewer
            else:
                start += size
        size //= 2
    return steps
