"""How the job behaves in one process, on stages that only pretend."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli import main
from segmentry import stages
from segmentry.settings import Settings
from segmentry.stages import STAGES
from tests.dags import _double

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, dict[str, Any], str]]

ORDER = [
    f"{stage.name}[{item}]" if item else stage.name
    for stage in STAGES
    for item in (("one", "two") if stage.items else ("",))
]


@pytest.fixture
def place(home: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(_double.DOUBLE))
    doubled = [
        replace(
            stage,
            entry="double:item" if stage.items else "double:plain",
            items=stage.items and "double:items",
        )
        for stage in STAGES
    ]
    monkeypatch.setattr(stages, "STAGES", tuple(doubled))
    return home.home


@pytest.fixture
def run(place: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run_job(*words: str) -> tuple[int, dict[str, Any], str]:
        code = main.run(["run", "--no-airflow", "--output", "json", *words])
        out, err = capsys.readouterr()
        return code, json.loads(out) if out.strip() else {}, err

    return run_job


def test_every_stage_runs_in_order_and_the_summary_reports_it(place: Path, run: Run) -> None:
    code, summary, progress = run()
    assert code == 0
    assert _double.names(place) == ORDER
    assert [row["stage"] for row in summary["stages"]] == ORDER
    assert {row["state"] for row in summary["stages"]} == {"done"}
    assert "gate_features" in progress, "progress goes to standard error"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [("score", ["score[one]", "score[two]"]), ("audiences+", ORDER[ORDER.index("audiences") :])],
)
def test_a_selection_runs_what_it_names(
    place: Path, run: Run, selection: str, expected: list[str]
) -> None:
    code, _, _ = run("--select", selection)
    assert (code, _double.names(place)) == (0, expected)


@pytest.mark.parametrize(
    ("fails", "kind", "code", "last"),
    [
        ("gate_features", "gate", 3, "gate_features"),
        ("marts", "fault", 1, "marts"),
        ("clock", "usage", 2, "clock"),
        ("load[one]", "fault", 1, "load[two]"),
    ],
)
def test_a_failure_stops_what_is_behind_it(
    place: Path, run: Run, fails: str, kind: str, code: int, last: str
) -> None:
    _double.script(place, fail={fails: kind})
    found, summary, progress = run()
    assert found == code == summary["exit_code"]
    assert _double.names(place)[-1] == last, (
        "every item of a stage is tried, and nothing behind the stage"
    )
    assert "Traceback" not in progress


@pytest.mark.parametrize(("kind", "code"), [("fault", 1), ("gate", 3)])
def test_a_broken_sync_stops_no_other_and_is_reported_at_the_end(
    place: Path, run: Run, kind: str, code: int
) -> None:
    _double.script(place, fail={"sync[one]": kind})
    found, summary, _ = run()
    assert found == code
    behind = ["acknowledge", "measure", "observe"]
    assert _double.names(place)[-5:] == ["sync[one]", "sync[two]", *behind]
    states = {row["sync"]: row["state"] for row in summary["syncs"]}
    assert states == {"one": "stopped" if kind == "gate" else "failed", "two": "done"}


def test_a_fault_of_the_code_shows_no_values(place: Path, run: Run) -> None:
    _double.script(place, fail={"marts": "bug"})
    code, _, progress = run()
    assert code == 1
    frames = (place / "logs" / "marts.traceback.txt").read_text()
    assert "unexpected ValueError" in progress
    assert "double.py" in frames
    assert "ann@example.com" not in progress + frames


def test_stages_without_items_stop_nothing(place: Path, run: Run) -> None:
    _double.script(place, items={"load": [], "train": [], "sync": []})
    code, _, _ = run()
    assert code == 0
    assert _double.names(place) == [
        name for name in ORDER if name.split("[")[0] not in {"load", "train", "sync"}
    ]


def test_wrong_use_is_reported_at_once(place: Path, run: Run) -> None:
    for words in (("--select", "nonsense"), ("--as-of", "yesterday")):
        code, _, progress = run(*words)
        assert code == 2
        assert "Allowed:" in progress
    assert _double.names(place) == []


def test_one_job_at_a_time(place: Path, run: Run) -> None:
    with (place / "run.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        code, _, progress = run()
    assert code == 1
    assert "another job (process 4711) is running" in progress
