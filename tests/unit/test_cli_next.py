"""The commands that a job ends with can be copied and run from the folder where the person is."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import _summary


def commands(capsys: pytest.CaptureFixture[str]) -> list[str]:
    _summary._print_next([{"segment": "newcomers", "people": 7}])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["largest segments: newcomers 7", "try next:"]
    return [line.strip() for line in lines[2:]]


def test_a_program_on_the_path_is_called_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "segmentry"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commands(capsys)[0] == "segmentry segments show newcomers"


def test_any_other_by_the_way_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "env" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(folder / "python"))
    monkeypatch.chdir(tmp_path)
    assert commands(capsys)[0] == "env/bin/segmentry segments show newcomers"
    monkeypatch.chdir(folder)
    assert commands(capsys)[1] == "segmentry sync status".replace("segmentry", "./segmentry")
    monkeypatch.chdir("/")
    assert commands(capsys)[2].endswith("env/bin/segmentry models list")
