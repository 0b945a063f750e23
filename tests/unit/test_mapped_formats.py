"""How a mapped file may write numbers, times and words."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from segmentry.settings import Settings
from sources.definitions import source_named
from sources.formats import UNREADABLE, ColumnFormat
from tests.staging_lake import StagingLake
from tests.unit.test_mapped_sources import ORDERS, configured, load, rows

COMMA = ColumnFormat(decimal=",")
POINT = ColumnFormat(decimal=".")
GERMAN: dict[str, Any] = {
    **ORDERS,
    "columns": {**ORDERS["columns"], "status": "Stand"},
    "constants": {"currency": "EUR"},
    "formats": {
        "total": {"decimal": ","},
        "ordered_at": {"date_format": "%d.%m.%Y"},
        "status": {"values": {"bezahlt": "completed", "storniert": "cancelled"}},
    },
}


@pytest.mark.parametrize(
    ("form", "written", "read"),
    [
        (COMMA, "12,50", "12.50"),
        (COMMA, "1.250,50", "1250.50"),
        (COMMA, "1.250", "1250"),
        (COMMA, "-1 234 567,8", "-1234567.8"),
        (COMMA, "1\u202f250,5", "1250.5"),
        (COMMA, "1250", "1250"),
        (COMMA, "0,001", "0.001"),
        (COMMA, "12.50", None),
        (COMMA, "1.25,50", None),
        (COMMA, "1.250'000", None),
        (COMMA, "12,", None),
        (COMMA, ",5", None),
        (COMMA, "1,2,3", None),
        (COMMA, "12,50 \u20ac", None),
        (POINT, "1,250.50", "1250.50"),
        (POINT, "12,50", None),
        (ColumnFormat(date_format="%d.%m.%Y"), "31.12.2025", "2025-12-31"),
        (ColumnFormat(date_format="%d.%m.%Y"), "1.2.2025", "2025-02-01"),
        (ColumnFormat(date_format="%d.%m.%Y"), "2025-12-31", "2025-12-31"),
        (ColumnFormat(date_format="%d.%m.%Y"), "2025-12-31T10:00Z", "2025-12-31T10:00Z"),
        (ColumnFormat(date_format="%d.%m.%Y"), "12/31/2025", None),
        (ColumnFormat(date_format="%d.%m.%Y"), "31.13.2025", None),
        (ColumnFormat(date_format="%d/%m/%Y %H:%M"), "1/2/2025 18:30", "2025-02-01T18:30:00"),
        (ColumnFormat(values=(("Bezahlt", "completed"),)), "BEZAHLT", "completed"),
        (ColumnFormat(values=(("Bezahlt", "completed"),)), "offen", "offen"),
        (ColumnFormat(), "as it is", "as it is"),
    ],
)
def test_a_value_is_read_as_declared_or_not_at_all(
    form: ColumnFormat, written: str, read: str | None
) -> None:
    assert form.read(written) == (written + UNREADABLE if read is None else read)


def test_a_german_file_is_orders(home: Settings, tmp_path: Path) -> None:
    settings = configured(home, tmp_path / "config", shop=GERMAN)
    text = (
        "invoice no;Date;sum;mail;Stand\n"
        "1;31.12.2025;1.250,50;a@shop.test;bezahlt\n"
        "2;01.02.2026;12.50;b@shop.test;Storniert\n"
        "3;13/31/2026;1,00;c@shop.test;wer wei\u00df\n"
        "4;;;;\n"
    )
    load(settings, "shop", tmp_path / "a.csv", text)
    landed = [json.loads(raw) for (raw,) in rows(settings, "select _raw from raw.orders")]
    one, two, three, four = landed
    assert (one["total"], one["ordered_at"], one["updated_at"]) == (
        "1250.50",
        "2025-12-31",
        "2025-12-31",
    )
    assert (one["status"], two["status"], three["status"]) == (
        "completed",
        "cancelled",
        "wer wei\u00df",
    )
    assert (two["total"], three["ordered_at"]) == ("12.50" + UNREADABLE, "13/31/2026" + UNREADABLE)
    assert (four["total"], four["ordered_at"], four["status"]) == ("", "", "")
    judged = StagingLake().judged("orders", landed)
    assert [(row["outcome"], row["reason"]) for row in judged] == [
        ("accepted", None),
        ("quarantined", "invalid_value"),
        ("quarantined", "invalid_value"),
        ("quarantined", "missing_field"),
    ]


def test_a_number_of_json_is_read_as_it_is(home: Settings, tmp_path: Path) -> None:
    settings = configured(home, tmp_path / "config", shop=GERMAN)
    record = '{"invoice no": 1, "Date": "2026-01-01", "sum": 12.50, "mail": null, "Stand": "x"}'
    load(settings, "shop", tmp_path / "a.ndjson", record)
    ((raw,),) = rows(settings, "select _raw from raw.orders")
    assert '"total": 12.50' in raw


def test_without_formats_the_shipped_spelling_alone_is_read(home: Settings, tmp_path: Path) -> None:
    settings = configured(home, tmp_path / "config", shop=ORDERS)
    mapping = source_named(settings, "shop").mapping
    assert mapping is not None and mapping.formats == ()
    assert replace(mapping, formats=()) == mapping
    load(settings, "shop", tmp_path / "a.csv", "invoice no;Date;sum;mail\n1;31.12.2025;12,50;x\n")
    ((raw,),) = rows(settings, "select _raw from raw.orders")
    (row,) = StagingLake().judged("orders", [json.loads(raw)])
    assert (row["outcome"], row["reason"]) == ("quarantined", "invalid_value")
