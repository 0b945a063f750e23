"""A file in the inbox that cannot be loaded: the job goes on, reports it in each run, and ends with
exit status 1.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli import _summary
from cli._output import Output
from runtime.job import Result
from segmentry import jobs, warehouse
from segmentry.jobs import StageOutcome
from segmentry.settings import Settings
from segmentry.stages import RunContext, stage_named

CONTACT = "contact_id,email,updated_at\n{},x@example.org,2026-03-04T05:06:07Z\n"


def put(home: Settings, name: str, text: str) -> Path:
    path = home.home / "inbox" / "crm_contacts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(home: Settings) -> list[StageOutcome]:
    """What the job's stage does, by the functions that a DAG's task calls."""
    stage = stage_named("load")
    context = RunContext(home)
    items = jobs.list_items(stage, context)
    assert isinstance(items, list)
    return [jobs.attempt(stage, context, item) for item in items]


def test_the_job_goes_on_and_reports_the_file_until_it_is_fixed(
    home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    good = put(home, "a.csv", CONTACT.format("a1"))
    refused = put(home, "b.csv", "no,header\n1,2\n")
    (home.home / "inbox" / "crm_contacts" / "c.csv").write_bytes(bytes(range(256)))
    (outcome,) = load(home)
    assert (outcome.state, outcome.error, outcome.exit_code) == (jobs.DONE, None, 1)
    with warehouse.connect(home, read_only=True) as lake:
        found = lake.execute("select _file from lake.raw.crm_contacts where _line > 0").fetchall()
    assert found == [(str(good),)]
    assert refused.exists()

    later = StageOutcome("staging")
    summary = _summary.of(
        home, Result([StageOutcome(**json.loads(json.dumps(outcome.as_record()))), later]), 1.0
    )
    assert summary["exit_code"] == 1
    assert [row["status"] for row in summary["not loaded"]] == ["refused", "unreadable"]
    assert str(refused) in summary["not loaded"][0]["file"]
    assert "header lacks contact_id" in summary["not loaded"][0]["file"]
    _summary.show(summary, Output.table)
    printed = capsys.readouterr().out
    assert "Not loaded" in printed and "done without what could not be loaded" in printed

    (again,) = load(home)
    assert again.exit_code == 1 and any(str(refused) in note for note in again.notes), (
        "every run reports it"
    )
    refused.write_text(CONTACT.format("b1"), encoding="utf-8")
    (fixed,) = load(home)
    assert (fixed.exit_code, fixed.rows) == (0, {"raw.crm_contacts": 1})


def test_a_gate_that_stops_the_job_decides_its_exit_status() -> None:
    incomplete = StageOutcome("load", "orders", exit_code=1)
    assert (
        jobs.exit_code([incomplete, StageOutcome("gate_raw", state=jobs.STOPPED, exit_code=3)]) == 3
    )
    assert (
        jobs.exit_code([incomplete, StageOutcome("staging", state=jobs.FAILED, exit_code=2)]) == 2
    )
    assert jobs.exit_code([incomplete, StageOutcome("staging")]) == 1
