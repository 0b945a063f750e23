"""Which stages a job runs, and what each run leaves to read."""

from __future__ import annotations

import pytest

from runtime import job, run_log
from segmentry import jobs
from segmentry.errors import UsageError
from segmentry.jobs import StageOutcome
from segmentry.settings import Settings
from segmentry.stages import STAGES, select

NAMES = [stage.name for stage in STAGES]


def names(
    selection: str | None = None, until: str | None = None, *, sends: bool = True
) -> list[str]:
    return [stage.name for stage in select(selection, until, sends=sends)]


def test_until_names_the_last_stage() -> None:
    assert names(until="marts") == NAMES[: NAMES.index("marts") + 1]
    assert names("identity+", "texts") == ["identity", "marts", "texts"]
    assert names("marts", "marts") == ["marts"]


def test_no_send_leaves_out_every_stage_that_calls_a_destination_and_no_other() -> None:
    assert set(NAMES) - set(names(sends=False)) == {"sync", "acknowledge"}
    assert names("audiences+", sends=False) == ["audiences", "gate_audiences", "measure", "observe"]


@pytest.mark.parametrize(
    ("selection", "until", "sends"),
    [("marts+", "load", True), (None, "nonsense", True), ("sync", None, False)],
)
def test_what_leaves_no_stage_is_wrong_use(
    selection: str | None, until: str | None, sends: bool
) -> None:
    with pytest.raises(UsageError) as error:
        names(selection, until, sends=sends)
    assert error.value.allowed and error.value.remedy


def test_a_job_that_stops_early_or_sends_nothing_needs_no_airflow() -> None:
    assert job.JobRequest().needs_airflow
    assert not job.JobRequest(until="marts").needs_airflow
    assert not job.JobRequest(sends=False).needs_airflow


def test_lines_number_the_stages_and_show_the_whole_error() -> None:
    stages = select("identity+", "texts")
    (line,) = jobs.lines(StageOutcome("marts", rows={"marts.orders": 1200}), stages)
    assert "2 of 3" in line and "1,200 rows" in line
    lines = jobs.lines(
        StageOutcome("texts", state="failed", error="it broke\nTo do: fix it"), stages
    )
    assert [text.count("\n") for text in lines] == [0, 1]


def test_each_run_has_a_log_and_the_oldest_are_removed(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "KEPT", 3)
    paths = [run_log.opened(home) for _ in range(5)]
    run_log.add(paths[-1], "first")
    run_log.add(paths[-1], "second")
    assert sorted(paths[0].parent.glob("*.log")) == paths[2:]
    assert [line.partition("Z ")[2] for line in paths[-1].read_text().splitlines()] == [
        "first",
        "second",
    ]
