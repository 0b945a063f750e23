"""The tutorial's commands run, in order, as a newcomer would type them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from segmentry.settings import ROOT
from tests.docs._blocks import commands


@pytest.mark.slow
def test_the_tutorial_runs(tmp_path: Path) -> None:
    segmentry = Path(sys.executable).with_name("segmentry")
    environment = {**os.environ, "SEGMENTRY_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    steps = commands(ROOT / "docs" / "tutorial.md")
    assert len(steps) >= 8
    for step in steps:
        if step.words[0] == "export":
            assert step.text.startswith("export SEGMENTRY_HOME="), (
                "only the variable of the home is set, and the test uses a home of its own"
            )
            continue
        words = [
            word.replace("shop", str(tmp_path / "shop")) if word == "shop" else word
            for word in step.words
        ]
        assert words[0] == "segmentry", f"the tutorial has a command of another program: {step}"
        done = subprocess.run(
            [str(segmentry), *words[1:]],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, f"{step}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.stdout.strip(), f"{step} printed nothing"
