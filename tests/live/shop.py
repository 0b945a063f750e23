"""A small shop after a batch, and events as the collector writes them, for tests of the engine."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from segmentry import warehouse
from segmentry.settings import ROOT, Settings
from tests.e2e._job import Installation

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_BATCH = """
from segmentry import jobs, refresh, warehouse
from segmentry.settings import Settings
from segmentry.stages import RunContext
settings = Settings.from_environment()
warehouse.prepare(settings)
found = [stage for stage in refresh.stages(sends=False) if not stage.name.startswith("gate_")]
last = [stage.name for stage in found].index("memberships") + 1
failed = [one.error for one in jobs.run(found[:last], RunContext(settings)) if one.error]
raise SystemExit(failed[0] if failed else 0)
"""
NAMES = (
    "Product Viewed",
    "Product Added",
    "Products Searched",
    "Checkout Started",
    "Demo Requested",
)


def build(folder: Path, people: int = 40, days: int = 60) -> Settings:
    """A home whose batch ran without models, of people simulated with a fixed seed."""
    installed = Installation(folder / "home")
    inbox = folder / "home" / "inbox"
    words = ("--people", str(people), "--days", str(days), "--seed", "5", "--out", str(inbox))
    installed.call("simulate", *words)
    done = run_python(folder / "home", _BATCH)
    assert done.returncode == 0, done.stderr[-3000:]
    return settings_of(folder / "home")


def settings_of(home: Path) -> Settings:
    """The settings of a home, whatever the environment has."""
    return Settings.from_environment({"SEGMENTRY_HOME": str(home)})


def run_python(home: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, in a home."""
    environment = {**os.environ, "SEGMENTRY_HOME": str(home), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", program]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


def clock_of(settings: Settings) -> datetime:
    """The clock of the batch."""
    with warehouse.connect(settings, read_only=True) as lake:
        row = lake.execute("select as_of from lake.observability.clock").fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


@dataclass
class Writer:
    """Writes random events of known and of new people; the same seed gives the same ones."""

    settings: Settings
    seed: int
    known: list[tuple[str, str]] = field(default_factory=list)
    written: int = 0

    def __post_init__(self) -> None:
        self.chosen = random.Random(self.seed)
        with warehouse.connect(self.settings, read_only=True) as lake:
            # Who has one account and one browser: events of others may merge people, which is the
            # batch's to decide.
            self.known = lake.execute("""
                select max(identifier) filter (where identifier_type = 'user_id') as account,
                    max(identifier) filter (where identifier_type = 'cookie') as browser
                from lake.identity.identifier_mapping
                group by profile_id
                having count(*) filter (where identifier_type = 'user_id') = 1
                    and count(*) filter (where identifier_type = 'cookie') = 1
                order by account
            """).fetchall()
        assert len(self.known) > 5

    def event(self, before: datetime) -> dict[str, Any]:
        """One event of the hours before, or a late one of up to a hundred days before."""
        is_late = self.chosen.random() < 0.2
        age = self.chosen.random() * (100 * DAY if is_late else 6 * HOUR) + timedelta(seconds=1)
        account: str | None
        if self.chosen.random() < 0.7:
            account, browser = self.chosen.choice(self.known)
        else:
            number = self.chosen.randrange(8)
            account = f"new-account-{number:04}"
            browser = f"new-browser-{number:04}-c0ffee"
        if self.chosen.random() < 0.3:
            account = None
        self.written += 1
        at = (before - age).isoformat(timespec="milliseconds") + "Z"
        kind = self.chosen.choice(["track", "track", "track", "page"])
        found: dict[str, Any] = {
            "type": kind,
            "messageId": f"live-{self.seed}-{self.written}",
            "anonymousId": browser,
            "originalTimestamp": at,
            "sentAt": at,
            "receivedAt": at,
            "properties": {"product_id": f"p{self.chosen.randrange(40)}", "category": "Books"},
            "context": {},
        }
        found |= (
            {"event": self.chosen.choice(NAMES)}
            if kind == "track"
            else {"name": self.chosen.choice(["Home", "Pricing", "Category"])}
        )
        if account is not None:
            found["userId"] = account
        if self.chosen.random() < 0.05:
            purpose = self.chosen.choice(["marketing", "analytics", "personalization"])
            found["context"] = {"consent": {"categoryPreferences": {purpose: False}}}
        return found

    def lines(self, before: datetime, count: int) -> list[str]:
        """Lines of events; some are written twice, as a client does that tries again."""
        found: list[str] = []
        while len(found) < count:
            if found and self.chosen.random() < 0.1:
                found.append(self.chosen.choice(found))
            else:
                found.append(json.dumps(self.event(before)))
        return found


def append(settings: Settings, lines: list[str], *, is_moved: bool = False) -> None:
    """Write lines to the collector's open file. is_moved: move it into the inbox then."""
    inbox = settings.home / "inbox"
    opened = inbox / ".collector" / "open.ndjson"
    opened.parent.mkdir(parents=True, exist_ok=True)
    with opened.open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    if is_moved:
        (inbox / "events").mkdir(exist_ok=True)
        number = len(list((inbox / "events").glob("collected-*")))
        opened.rename(inbox / "events" / f"collected-{number:019}.ndjson")
