"""Sources whose files have the columns of a shipped source under other names."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmentry import warehouse
from segmentry.errors import ConfigError
from segmentry.settings import Settings
from sources import loading, stages, withdrawal
from sources.definitions import raw_tables, source_named
from sources.refusals import stated
from tests.staging_lake import GOOD, StagingLake

ORDERS: dict[str, Any] = {
    "maps_to": "orders",
    "columns": {"order_id": "invoice no", "ordered_at": "Date", "total": "sum", "email": "mail"},
    "constants": {"status": "completed", "currency": "EUR"},
}
CONSENTS: dict[str, Any] = {
    "maps_to": "consents",
    "columns": {
        "identifier_type": "kind",
        "identifier": "who",
        "status": "answer",
        "occurred_at": "at",
    },
    "constants": {"purpose": "marketing", "channel": "email"},
}
EVENTS: dict[str, Any] = {
    "maps_to": "events",
    "columns": {"userId": "customer", "timestamp": "at", "event": "what",
    "properties.price": "price",
                "context.page.path": "page"},
    "constants": {"type": "track"},
}  # fmt: skip


def configured(home: Settings, folder: Path, **sources: dict[str, Any]) -> Settings:
    """A home whose config has these mapped sources as well."""
    shutil.copytree(home.config, folder, dirs_exist_ok=True)
    for name, content in sources.items():
        stated = {"name": name, "description": "The files of a shop.", "paths": ["nowhere"]}
        (folder / "sources" / f"{name}.yml").write_text(
            yaml.safe_dump({**stated, **content}), encoding="utf-8"
        )
    return replace(home, config=folder)


def load(settings: Settings, source: str, path: Path, text: str) -> loading.FileReport:
    path.write_text(text, encoding="utf-8")
    stages.ensure_raw(settings)
    (report,) = loading.load(
        settings, source_named(settings, source), [str(path)], refuses_faulty=True
    )
    return report


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return lake.execute(sql).fetchall()


def without(content: dict[str, Any], column: str) -> dict[str, Any]:
    return {
        **content,
        "columns": {key: value for key, value in content["columns"].items() if key != column},
    }


def also(content: dict[str, Any], **columns: str) -> dict[str, Any]:
    return {**content, "columns": {**content["columns"], **columns}}


def formatted(**formats: dict[str, Any]) -> dict[str, Any]:
    return {**ORDERS, "formats": formats}


@pytest.mark.parametrize(
    ("name", "content", "received"),
    [
        ("shop", {**ORDERS, "maps_to": "invoices"}, "maps_to is 'invoices'"),
        ("shop", {**ORDERS, "maps_to": "surveys"}, "maps_to is 'surveys'"),
        ("shop", also(ORDERS, amount="x"), "'orders' has no column amount"),
        (
            "shop",
            also(ORDERS, phone="Invoice_No"),
            "the columns order_id and phone have the same header",
        ),
        ("shop", also(ORDERS, status="state"), "the column status is given twice"),
        ("shop", without(ORDERS, "total"), "nothing is mapped to total"),
        ("shop", without(ORDERS, "ordered_at"), "nothing is mapped to ordered_at, updated_at"),
        ("surveys", ORDERS, "the mapped source has the name of a shipped source"),
        ("shop", {**ORDERS, "constants": {"status": False}}, "constants/status"),
        ("orders", ORDERS, "the mapped source has the name of a shipped source"),
        ("shop", {**ORDERS, "keys": "online_retail"}, "keys is 'online_retail'"),
        ("shop", {**ORDERS, "columns": ["order_id"]}, "columns"),
        ("shop", {"columns": {"order_id": "no"}}, "columns"),
        ("shop", without(CONSENTS, "status"), "nothing is mapped to status"),
        ("shop", without(EVENTS, "userId"), "nothing is mapped to userId or anonymousId"),
        (
            "shop",
            also(EVENTS, **{"context.page.title": "x"}),
            "'events' has no column context.page.title",
        ),
        ("shop", also(EVENTS, properties="x"), "the column properties is given twice"),
        ("shop", formatted(status={"values": {"bezahlt": "completed"}}), "formats names status"),
        ("shop", formatted(ordered_at={"date_format": "%d.%m."}), "'%d.%m.' names no day"),
        ("shop", formatted(total={"decimal": ";"}), "formats/total/decimal"),
        ("shop", formatted(total={"decimal": ",", "values": {"x": "1"}}), "formats/total"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(
    home: Settings, tmp_path: Path, name: str, content: dict[str, Any], received: str
) -> None:
    settings = configured(home, tmp_path / "config", **{name: content})
    with pytest.raises(ConfigError) as caught:
        source_named(settings, name)
    assert received in caught.value.received
    assert caught.value.allowed and caught.value.remedy


def test_records_land_with_the_names_of_the_kind_and_as_their_own_source(
    home: Settings, tmp_path: Path
) -> None:
    settings = configured(home, tmp_path / "config", shop=ORDERS)
    text = (
        "Invoice-No;DATE;sum;mail;status;note\n007;2026-01-01T00:00:00Z;10.50;a@shop.test;paid;n\n"
    )
    report = load(settings, "shop", tmp_path / "a.csv", text)
    assert (report.status, report.records, tuple(report.unread_columns)) == (
        "landed",
        1,
        ("status", "note"),
    )
    ((source, line, raw),) = rows(settings, "select _source, _line, _raw from raw.orders")
    assert (source, line) == ("shop", 2)
    assert json.loads(raw) == {
        "order_id": "007", "ordered_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "total": "10.50", "email": "a@shop.test", "status": "completed", "currency": "EUR",
        "status - not mapped": "paid", "note": "n", "_keys": "shop",
    }  # fmt: skip
    sql = "select read_as, written from observability.landed_columns where read_as is not null"
    written = dict(rows(settings, sql))
    assert [written[name] for name in ("order_id", "updated_at", "currency")] == [
        "Invoice-No",
        "DATE",
        "(constant)",
    ]
    assert "shop" not in raw_tables(settings)


def test_a_file_without_a_mapped_header_is_refused_and_names_it(
    home: Settings, tmp_path: Path
) -> None:
    settings = configured(home, tmp_path / "config", shop=ORDERS)
    report = load(
        settings, "shop", tmp_path / "a.csv", "invoice no;Date;sum\n7;2026-01-01T00:00:00Z;10\n"
    )
    assert report.status == "refused" and "the header lacks mail" in report.detail
    assert rows(settings, "select count(*) from raw.orders") == [(0,)]


def test_numbers_keep_their_digits_and_a_repeated_name_is_a_problem(
    home: Settings, tmp_path: Path
) -> None:
    settings = configured(home, tmp_path / "config", shop=ORDERS)
    records = [
        '{"invoice no": 12345678901234567890123, "Date": "2026-01-01", "sum": 1.10, "mail": null}',
        '{"invoice no": 1, "invoice no": 2, "Date": "2026-01-01", "sum": 3}',
        "no json",
    ]
    load(settings, "shop", tmp_path / "a.ndjson", "\n".join(records))
    first, second, third = rows(settings, "select _raw, _problem from raw.orders order by _line")
    assert '"order_id": 12345678901234567890123' in first[0] and '"total": 1.10' in first[0]
    assert second == (records[1], "repeated_name: invoice no")
    assert third == ("no json", None)


def test_columns_of_a_flat_event_make_its_objects(home: Settings, tmp_path: Path) -> None:
    settings = configured(home, tmp_path / "config", web=EVENTS)
    text = "customer,at,what,price,page\nu1,2026-01-01T00:00:00Z,Product Viewed,5,/lamp\n"
    load(settings, "web", tmp_path / "a.csv", text * 1)
    ((raw,),) = rows(settings, "select _raw from raw.events")
    event = json.loads(raw)
    assert event["properties"] == {"price": "5"} and event["context"] == {"page": {"path": "/lamp"}}
    assert len(event["messageId"]) == 32


def test_the_same_content_has_the_same_id(home: Settings, tmp_path: Path) -> None:
    settings = configured(home, tmp_path / "config", optouts=CONSENTS)
    row = "email,a@shop.test,withdrawn,2026-01-01T00:00:00Z\n"
    load(
        settings,
        "optouts",
        tmp_path / "a.csv",
        f"kind,who,answer,at\n{row}{row}{row.replace('a@', 'b@')}",
    )
    ids = [
        json.loads(raw)["consent_id"]
        for (raw,) in rows(settings, "select _raw from raw.consents order by _line")
    ]
    assert ids[0] == ids[1] != ids[2]


def test_a_withdrawn_batch_leaves_the_refusals_of_a_mapped_file(
    home: Settings, tmp_path: Path
) -> None:
    settings = configured(home, tmp_path / "config", optouts=CONSENTS, shop=ORDERS)
    day = "2026-01-01T00:00:00Z"
    text = (
        f"kind,who,answer,at\nemail,a@shop.test,withdrawn,{day}\nemail,b@shop.test,granted,{day}\n"
    )
    load(settings, "optouts", tmp_path / "a.csv", text)
    load(settings, "shop", tmp_path / "b.csv", f"invoice no,Date,sum,mail\n1,{day},2,a@shop.test\n")
    batches = dict(rows(settings, "select source, batch_id from raw._loads"))
    one = withdrawal.withdraw(settings, batches["optouts"], "a mistake")
    assert (one.source, one.records, one.kept_refusals) == ("optouts", 1, 1)
    withdrawal.withdraw(settings, batches["shop"], "a mistake")
    assert rows(settings, "select _source from raw.consents") == [("optouts",)]
    assert rows(settings, "select count(*) from raw.orders") == [(0,)]


def test_a_consent_string_that_outlives_its_batch_keeps_whose_contact_it_names(
    home: Settings, tmp_path: Path
) -> None:
    settings = configured(home, tmp_path / "config", optouts=also(CONSENTS, consent_string="text"))
    text = json.dumps({"categoryPreferences": {"advertising": False}})
    record = {
        "kind": "Contact ID",
        "who": "7",
        "answer": "",
        "at": "2026-01-01T00:00:00Z",
        "text": text,
    }
    load(settings, "optouts", tmp_path / "a.ndjson", json.dumps(record))
    with warehouse.connect(settings) as lake:
        ((batch,),) = lake.execute("select batch_id from lake.raw._loads").fetchall()
        assert {one["identifier"] for one in stated(lake, "consents", batch)} == {"optouts:7"}


@pytest.mark.parametrize(
    ("source", "field", "column"),
    [
        ("orders", "order_id", "order_id"), ("crm_contacts", "contact_id", "contact_id"),
        ("events", "messageId", "event_id"), ("consents", "consent_id", "consent_id"),
    ],
)  # fmt: skip
def test_the_key_of_a_mapped_record_begins_with_its_system(
    source: str, field: str, column: str
) -> None:
    lake = StagingLake()
    good = GOOD[source]
    foreign = {**GOOD[source], "_keys": "till"}
    lake.land(source, [good, foreign, foreign, {**foreign, field: "#REF!"}])
    lake.connection.execute(f"update raw.{source} set _source = 'shop' where _line > 1")
    lake.project.table(f"staging/base_{source}")
    found = lake.connection.execute(
        f"select _source, {column}, outcome, unread from staging.base_{source} order by _line"
    ).fetchall()
    key = good[field]
    assert found[:2] == [(source, key, "accepted", None), ("shop", f"till:{key}", "accepted", None)]
    assert [row[2] for row in found[2:]] == ["duplicate", "quarantined"]
