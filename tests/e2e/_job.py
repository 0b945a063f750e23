"""Runs the product as a person would: the command line, in a process of its own, in a home of its
own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentry.settings import ROOT

SEGMENTRY = Path(sys.executable).with_name("segmentry")


@dataclass(frozen=True)
class Installation:
    """One home, driven through the command line."""

    home: Path

    def call(self, *words: str, expect: int = 0, **variables: str) -> str:
        """Run one command, check its exit code, and return what it printed; a traceback is always a
        failure.
        """
        return self.finish(*words, expect=expect, **variables).stdout

    def finish(
        self, *words: str, expect: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Like `call`, with what the command printed to standard error."""
        inherited = {
            name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"
        }
        environment = {
            **inherited,
            "SEGMENTRY_HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            **variables,
        }
        done = subprocess.run(
            [str(SEGMENTRY), *words],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=1500,
        )
        report = (
            f"segmentry {' '.join(words)} ended with"
            f" {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        )
        assert "Traceback (most recent call last)" not in done.stderr, report
        assert done.returncode == expect, report
        return done

    def query(self, sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.call("query", sql, "--output", "json"))
        return rows

    def value(self, sql: str) -> Any:
        (row,) = self.query(sql)
        (value,) = row.values()
        return value
