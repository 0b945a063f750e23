"""A path that cannot be used is reported in one message, whatever verb it was given to."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.main import run


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("{tmp}/file/shop", "not a directory"),
        ("/proc/shop", "no such file"),
        ("{tmp}/" + "long" * 100, "too long"),
    ],
)
def test_a_place_that_cannot_be_written_is_reported(
    place: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("taken")
    where = place.format(tmp=tmp_path)
    assert run(["simulate", "--people", "10", "--days", "5", "--out", where]) == 2
    message = capsys.readouterr().err
    assert reason in message and "To do: name another place" in message


def test_a_home_that_cannot_be_made_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("taken")
    monkeypatch.setenv("SEGMENTRY_HOME", str(tmp_path / "file" / "home"))
    assert run(["query", "select 1"]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
