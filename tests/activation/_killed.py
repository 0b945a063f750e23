"""Runs one sync of the test's home; a test kills it at a moment of its choosing."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from activation import client, engine
from segmentry.settings import Settings

if __name__ == "__main__":
    client.FIRST_WAIT = 0.001
    settings = replace(Settings.from_environment(), config=Path(sys.argv[1]))
    engine.run_sync(settings, sys.argv[2])
