"""The summary of a job: rows and seconds per stage, gates, models, segments, syncs, and where each
page is.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from cli import _output, _quality
from cli._output import Output
from runtime import report
from runtime.job import Result
from segmentry import warehouse
from segmentry.errors import SegmentryError
from segmentry.jobs import DONE, StageOutcome
from segmentry.settings import Settings
from sources.loading import FAILED

# Section, the relation it needs, and how it is read.
_SECTIONS = (
    (
        "gates",
        "observability.gate_results",
        """
        select gate, passed, evaluated, unexpected from lake.observability.gate_results
        qualify row_number() over (partition by gate order by checked_at desc) = 1 order by gate
        """,
    ),
    (
        "segments",
        "segments.segment_memberships",
        (
            "select segment, count(*) as people from lake.segments.segment_memberships group by"
            " segment order by segment"
        ),
    ),
)


def of(
    settings: Settings, result: Result, seconds: float, sections: Collection[str] | None = None
) -> dict[str, Any]:
    """The summary as plain values. sections: those to show of gates, data quality, segments and
    pages; None for what fits the stages that ran.
    """
    outcomes = result.outcomes
    summary: dict[str, Any] = {
        "exit_code": result.exit_code,
        "seconds": round(seconds, 1),
        "chain_seconds": round(result.chain_seconds, 1),
        "stages": [_stage(outcome) for outcome in outcomes],
    }
    shown = _shown(outcomes) if sections is None else sections
    with warehouse.connect(settings, read_only=True) as lake:
        for name, relation, sql in _SECTIONS:
            if name in shown and warehouse.relation_exists(lake, relation):
                summary[name] = warehouse.records(lake, sql)
        if "data quality" in shown:
            summary["data quality"] = _quality.lines(lake)
    if any(outcome.stage in {"train", "score"} for outcome in outcomes):
        summary["models"] = _models(settings)
    summary["not loaded"] = [row for outcome in outcomes for row in _not_loaded(outcome)]
    summary["syncs"] = [
        _sync(outcome) for outcome in outcomes if outcome.stage == "sync" and outcome.item
    ]
    if "pages" in shown:
        report.write(settings, summary.get("models") or _models(settings))
        summary["largest segments"] = report.largest_segments(settings, 5)
        summary["pages"] = _pages(settings)
    summary["log"] = str(result.log or "")
    return summary


def _shown(outcomes: list[StageOutcome]) -> set[str]:
    """Sections of the summary: all for a job; those of the stage if it ran alone."""
    stages = {outcome.stage for outcome in outcomes}
    if len(stages) != 1:
        return {"gates", "data quality", "segments", "pages"}
    (stage,) = stages
    about = {
        "load": "data quality",
        "staging": "data quality",
        "segments": "segments",
        "memberships": "segments",
    }
    return {"gates"} if stage.startswith("gate_") else {about.get(stage, "")}


def show(summary: dict[str, Any], output: Output) -> None:
    """Print the summary: tables for people, one object for programs."""
    if output is Output.json:
        _output.print_json(summary)
        return
    for title in (
        "stages",
        "not loaded",
        "gates",
        "data quality",
        "models",
        "segments",
        "syncs",
        "pages",
    ):
        if rows := summary.get(title):
            _output.show(rows, output, title=f"\n{title.capitalize()}")
    verdict = {0: "done", 2: "wrong use", 3: "stopped by a gate or guardrail"}.get(
        summary["exit_code"], "failed"
    )
    if summary["exit_code"] == 1 and all(row["state"] == DONE for row in summary["stages"]):
        verdict = "done without what could not be loaded"
    print(
        f"\n{verdict} in {summary['seconds']:,.1f} s; what was printed is kept in {summary['log']}"
    )
    if "pages" in summary:
        _print_next(summary["largest segments"])


def _print_next(largest: list[dict[str, Any]]) -> None:
    """Print commands that show the results of the job."""
    if largest:
        print(
            "largest segments: "
            + ", ".join(f"{row['segment']} {row['people']:,}" for row in largest)
        )
    name = largest[0]["segment"] if largest else "loyal_customers"
    print("try next:")
    for command in (f"segments show {name}", "sync status", "models list"):
        print(f"  {_program()} {command}")


def _program() -> str:
    """How this program is called from the folder where the person is."""
    if shutil.which("segmentry"):
        return "segmentry"
    own = Path(sys.executable).with_name("segmentry")
    if not own.is_relative_to(Path.cwd()):
        return str(own)
    near = own.relative_to(Path.cwd())
    return str(near) if near.parent.name else f"./{near}"


def _models(settings: Settings) -> list[dict[str, Any]]:
    from ml import lifecycle  # imports MLflow, which takes a second

    try:
        return lifecycle.listing(settings)
    except SegmentryError as error:
        return [{"model": "unknown", "detail": error.received}]


def _stage(outcome: StageOutcome) -> dict[str, Any]:
    return {
        "stage": outcome.name,
        "state": outcome.state,
        "seconds": round(outcome.seconds, 2),
        "rows": sum(outcome.rows.values()),
        "notes": "; ".join(outcome.notes),
    }


def _not_loaded(outcome: StageOutcome) -> list[dict[str, Any]]:
    """What a stage that is done could not take in: files that stay where they are until someone
    looks.
    """
    if outcome.state != DONE or not outcome.exit_code:
        return []
    notes = [note.partition(": ") for note in outcome.notes]
    return [
        {"source": outcome.item, "status": status, "file": file}
        for status, _, file in notes
        if status in FAILED
    ]


def _sync(outcome: StageOutcome) -> dict[str, Any]:
    sent = ", ".join(f"{name} {rows:,}" for name, rows in outcome.rows.items())
    return {"sync": outcome.item, "state": outcome.state, "rows": sent or "nothing to send"}


def _pages(settings: Settings) -> list[dict[str, str]]:
    places = {
        "report": report.place(settings),
        "Data Docs": settings.data_docs / "index.html",
        "dbt docs": settings.home / "dbt_docs" / "index.html",
        "outbox": settings.outbox,
    }
    pages = [
        {"page": name, "place": path.resolve().as_uri()}
        for name, path in places.items()
        if path.exists()
    ]
    return [*pages, {"page": "Airflow and MLflow", "place": "`make up` serves them"}]
