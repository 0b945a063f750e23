"""Times that a command prints have their zone, and a command that counts loads no data frames."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from cli._output import Output, show

ROWS = [
    {
        "stored": datetime(2026, 3, 29, 1, 30, 0, 5),
        "aware": datetime(2026, 3, 29, 3, 30, tzinfo=timezone(timedelta(hours=2))),
        "utc": datetime(2026, 10, 25, 2, 0, tzinfo=UTC),
        "day": date(2026, 3, 29),
    }
]


def test_a_table_names_the_zone_of_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, Output.table)
    line = capsys.readouterr().out.splitlines()[-1]
    assert [cell.strip() for cell in line.split("│")] == [
        "2026-03-29 01:30:00.000005Z",
        "2026-03-29 03:30:00+02:00",
        "2026-10-25 02:00:00Z",
        "2026-03-29",
    ]


def test_json_names_the_zone_of_each_time(capsys: pytest.CaptureFixture[str]) -> None:
    show(ROWS, Output.json)
    (row,) = json.loads(capsys.readouterr().out)
    assert row.pop("day") == "2026-03-29"
    times = {name: datetime.fromisoformat(text) for name, text in row.items()}
    assert times["stored"] == datetime(2026, 3, 29, 1, 30, 0, 5, tzinfo=UTC)
    assert times["aware"] == times["stored"].replace(microsecond=0)
    assert times["utc"] == ROWS[0]["utc"]
