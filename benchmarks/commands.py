"""Seconds of the commands that people use most, on the home of SEGMENTRY_HOME: the least of some
runs, and the seconds of processor time in it, which other work on the machine changes less.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import Any

from segmentry import warehouse
from segmentry.settings import Settings

RUNS = 3


def run() -> dict[str, Any]:
    """Wall-clock and processor seconds by command."""
    person, segment = _example()
    commands = {
        "--help": ["--help"],
        "segments list": ["segments", "list"],
        "profile": ["profile", person],
        "segments explain": ["segments", "explain", segment, person],
        "sync plan": ["sync", "plan"],
        "sync status": ["sync", "status"],
        "models list": ["models", "list"],
        "query": ["query", "select count(*) as people from profiles.profiles"],
        "wrong use": ["segments", "lst"],
    }
    return {
        name: dict(zip(("seconds", "processor_seconds"), _least(words), strict=True))
        for name, words in commands.items()
    }


def _example() -> tuple[str, str]:
    """A member of the largest segment, and its name."""
    with warehouse.connect(Settings.from_environment(), read_only=True) as lake:
        found = lake.execute(
            "select min(profile_id), segment from lake.segments.segment_memberships"
            " group by segment order by count(*) desc, segment limit 1"
        ).fetchone()
    if found is None:
        sys.exit("no segment has members\nAllowed: a home after a run\nTo do: `segmentry demo`")
    return str(found[0]), str(found[1])


def _least(words: list[str]) -> tuple[float, float]:
    program = [sys.executable, "-c", "from cli.main import main; main()", *words]
    found = []
    for _ in range(RUNS):
        began = time.monotonic()
        used = _processor_seconds()
        subprocess.run(
            program,
            env=os.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        found.append((round(time.monotonic() - began, 2), round(_processor_seconds() - used, 2)))
    return min(one[0] for one in found), min(one[1] for one in found)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
