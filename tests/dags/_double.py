"""Starts `segmentry` with the double's stages in a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from segmentry.settings import ROOT

DOUBLE = ROOT / "tests" / "dags" / "double"


def environment(home: Path) -> dict[str, str]:
    names = (
        "SEGMENTRY_CATALOG",
        "SEGMENTRY_LAKE_DATA",
        "SEGMENTRY_LEDGER_URL",
        "MLFLOW_TRACKING_URI",
    )
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    path = os.pathsep.join([str(DOUBLE), str(ROOT)])
    return {
        **inherited,
        "SEGMENTRY_HOME": str(home),
        "SEGMENTRY_PRELOAD": "off",
        "PYTHONPATH": path,
    }


def command(*words: str) -> list[str]:
    return [sys.executable, "-c", "from cli.main import main; main()", *words]


def segmentry(home: Path, *words: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def script(home: Path, **parts: Any) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "double.json").write_text(json.dumps(parts))


def calls(home: Path) -> list[dict[str, Any]]:
    """What the double was called for since the last look, in order."""
    path = home / "double.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]


def names(home: Path) -> list[str]:
    return [call["name"] for call in calls(home)]
