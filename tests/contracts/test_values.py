"""Every type of the lake through every destination: each leaves in a stated form."""

from __future__ import annotations

import csv
import json
import sqlite3
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from activation import values
from activation.file_formats import WRITERS
from activation.model import Batch, Operation, Row, Status
from activation.send.batching import batches
from segmentry.sync_config import SyncColumn
from tests.contracts.bench import NAMES, Bench, person
from tests.contracts.test_destinations import ADVERTISING
from tests.contracts.vendors import VENDORS

INDIA = timezone(timedelta(hours=5, minutes=30))
TYPED = [
    ("text", "plain", "plain"),
    ("integer", 2**40, 2**40),
    ("decimal", Decimal("12.50"), 12.5),
    ("whole decimal", Decimal("7.00"), 7),
    ("float", 0.1, 0.1),
    ("boolean", True, True),
    ("false", False, False),
    ("date", date(2026, 2, 28), "2026-02-28"),
    ("timestamp", datetime(2026, 2, 28, 23, 59, 1), "2026-02-28T23:59:01Z"),
    ("with zone", datetime(2026, 3, 1, 5, 0, tzinfo=INDIA), "2026-02-28T23:30:00Z"),
    ("fraction", datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC), "2026-01-01T00:00:00.250000Z"),
    ("list", ["a", date(2026, 1, 2), Decimal("1.5")], ["a", "2026-01-02", 1.5]),
    ("struct", {"at": datetime(2026, 1, 2), "n": [1]}, {"at": "2026-01-02T00:00:00Z", "n": [1]}),
    ("null", None, None),
    ("empty", "", ""),
    ("no number", float("nan"), None),
]
IN_TEXT = ["hubspot", "salesforce"]
IDS = [name for name, _, _ in TYPED]


@pytest.mark.parametrize(("name", "value", "expected"), TYPED, ids=IDS)
def test_each_type_has_a_form_in_json(name: str, value: Any, expected: Any) -> None:
    assert values.for_json(value) == expected
    json.dumps(values.for_json(value), allow_nan=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.50"), "12.50"),
        (Decimal("1E+3"), "1000"),
        (True, "true"),
        (None, ""),
        (12.5, "12.5"),
        (date(2026, 2, 28), "2026-02-28"),
        (datetime(2026, 2, 28, 1, 2, 3), "2026-02-28T01:02:03Z"),
        (["a", "é"], '["a", "é"]'),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_each_type_has_a_form_in_text(value: Any, text: str) -> None:
    assert values.for_text(value) == text


@pytest.mark.parametrize("name", NAMES)
def test_every_type_leaves_through_every_destination(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Bench(name, monkeypatch)
    rows = [_row(place, value) for place, (_, value, _) in enumerate(TYPED)]
    if name in ADVERTISING:
        rows = [person("ann")]  # they take identifiers alone
    assert len(list(batches([rows], made.sync, made.destination))) >= 1
    outcomes = [o for start in range(0, len(rows), 3) for o in made.send(*rows[start : start + 3])]
    assert {outcome.status for outcome in outcomes} == {Status.sent}
    assert len(outcomes) == len(rows)


def _row(place: int, value: Any) -> Row:
    email = f"p{place}@example.com"
    row = person(f"p{place}")
    return Row(
        Operation.add, row.row_key, row.profile_id, email, email, "h",
        {"email": email, "first_name": value},
    )  # fmt: skip


IN_JSON = [n for n in NAMES if not VENDORS[n].columns and n not in {"slack", *IN_TEXT}]


@pytest.mark.parametrize("name", IN_JSON)
def test_json_destinations_write_times_and_numbers_alike(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Bench(name, monkeypatch)
    made.send(_row(0, datetime(2026, 2, 28, 1, 2, 3)), _row(1, Decimal("12.50")))
    sent = made.bodies().replace(" ", "")
    assert '"2026-02-28T01:02:03Z"' in sent
    assert ":12.5" in sent, "a number and no text"


@pytest.mark.parametrize("name", IN_TEXT)
def test_text_destinations_write_times_and_numbers_alike(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Bench(name, monkeypatch)
    made.send(_row(0, datetime(2026, 2, 28, 1, 2, 3)), _row(1, Decimal("12.50")), _row(2, True))
    for text in ("2026-02-28T01:02:03Z", "12.5", "true"):
        assert text in made.bodies()


def test_files_and_tables_take_every_type(tmp_path: Path) -> None:
    from activation.destinations import sql_table

    rows = [_row(place, value) for place, (_, value, _) in enumerate(TYPED)]
    columns = [SyncColumn(n, "from", n, "varchar", "clear") for n in ("email", "first_name")]
    for form in ("csv", "ndjson"):
        path = tmp_path / f"rows.{form}"
        assert WRITERS[form](path, columns, iter(rows), True) == len(rows)
    cells = [row[1] for row in csv.reader((tmp_path / "rows.csv").open(newline=""))][1:]
    assert cells[2] == "12.50"
    assert cells[7] == "2026-02-28"
    assert json.loads(cells[11]) == ["a", "2026-01-02", 1.5]
    with sqlite3.connect(":memory:") as database:
        for row in rows:
            cell = sql_table._cell(row.values["first_name"])
            database.execute("select ?", [float(cell) if isinstance(cell, Decimal) else cell])


def test_batches_of_any_type_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Bench("webhook", monkeypatch)
    rows = [_row(place, value) for place, (_, value, _) in enumerate(TYPED)]
    assert [len(found) for found in batches([rows], made.sync, made.destination)] == [len(rows)]
    assert Batch("r", rows).rows
