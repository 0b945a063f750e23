"""``segmentry privacy flows``: the records that an auditor asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli._output import Output, OutputOption, print_json
from privacy import impact, policies, processing, processing_texts
from privacy.processing import Periods
from runtime.maintenance import policy as maintenance
from segmentry.errors import UsageError
from segmentry.settings import Settings


def flows(
    to: Annotated[
        Path | None, typer.Option("--to", help="a folder to write all files of the record into")
    ] = None,
    output: OutputOption = Output.table,
) -> None:
    """Write what is collected, why, on which legal basis, where it goes and how long it stays.

    With --to: `flows.md` with a graph, `flows.mmd`, the record of processing activities as
    `records.csv` and `records.json`, and the impact of each model as `models.md` and `models.json`.
    Without it, the Markdown is printed.
    Example: segmentry privacy flows --to records
    """
    settings = Settings.from_environment()
    stays = maintenance.load(settings)
    periods = Periods(
        stays.time_travel_days, stays.logs_days, policies.load(settings).deadline_days
    )
    record = processing.gather(settings, periods)
    if to is not None:
        _write(settings, record, periods, to)
    elif output is Output.json:
        print_json(processing_texts.rows(record))
    else:
        print(processing_texts.markdown(record, periods))


def _write(
    settings: Settings, record: processing.ProcessingRecord, periods: Periods, to: Path
) -> None:
    if to.exists() and not to.is_dir():
        raise UsageError(
            f"{to} is no folder", allowed="a folder, new or not", remedy="name another with --to"
        )
    found = impact.summaries(settings)
    files = {
        "flows.md": processing_texts.markdown(record, periods),
        "flows.mmd": processing_texts.graph(record),
        "records.csv": processing_texts.as_csv(record),
        "records.json": processing_texts.as_json(record),
        "models.md": impact.markdown(found),
        "models.json": json.dumps(impact.as_rows(found), indent=2, ensure_ascii=False) + "\n",
    }
    to.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (to / name).write_text(text, encoding="utf-8")
        print(f"written: {to / name}")


def add_to(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("flows")(flows)
