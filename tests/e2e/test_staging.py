"""One lake with every kind of good and bad input, built once by dbt, and checks of the outcome of
each record.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from segmentry import warehouse
from segmentry.settings import ROOT, Settings
from segmentry.stages import RunContext
from sources import loading, stages
from sources.definitions import source_named
from tests.conftest import SHARED_DATA

pytestmark = [pytest.mark.slow]

CAPTURE = SHARED_DATA / "segment_client_capture"
RETAIL = SHARED_DATA / "online_retail" / "online_retail.csv.gz"
RETAIL_HEADER = (
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
)


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(settings, read_only=True) as lake:
        return lake.execute(sql).fetchall()


def load(settings: Settings, source: str, *paths: Path) -> list[loading.FileReport]:
    return loading.load(settings, source_named(settings, source), [str(path) for path in paths])


@contextmanager
def installation(home: Path) -> Iterator[Settings]:
    kept = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SEGMENTRY_")
    }
    os.environ["SEGMENTRY_HOME"] = str(home)
    yield Settings.from_environment()
    os.environ.pop("SEGMENTRY_HOME")
    os.environ.update(kept)


def bad_input(folder: Path) -> dict[str, list[Path]]:
    """Files of each source, broken each in its own way."""

    def event(**fields: object) -> str:
        whole = {"messageId": "m1", "type": "track", "event": "Cart Viewed", "anonymousId": "a1"}
        return json.dumps({**whole, "timestamp": "2026-01-01T00:00:00Z", **fields})

    texts = {
        "events/good.ndjson": [
            event(),
            event(sentAt="2026-01-01T00:00:09Z"),
            event(event="Order Completed"),
        ],
        "events/times.ndjson": [
            event(messageId="m2", timestamp=f"{year}-01-01T00:00:00Z") for year in ("0001", "9999")
        ],
        "events/long.ndjson": [
            event(messageId="m3", properties={"note": "x" * 10_000_000}),
            "{" * 10_000_000,
        ],
        "crm_contacts/shifted.csv": [
            "contact_id,email,birth_date,updated_at",
            "k1,ann@example.com,1980-02-03,2026-01-01T00:00:00Z",
            "k2,bob@example.com,surplus,1980-02-03,2026-01-01T00:00:00Z",
            "k3,1980-02-03,2026-01-01T00:00:00Z,",
        ],
        "consents/no_header.csv": [
            "c1,email,ann@example.com,marketing,email,granted,DE,2026-01-01T00:00:00Z,form,"
        ],
        "products/empty.csv": [],
        "online_retail/till.csv": [
            RETAIL_HEADER.strip(),
            *["1,10A,LAMP,1,2010-12-01 08:26:00,2.5,7.0,France"] * 2,
            "1,10A,LAMP,one,2010-12-01 08:26:00,2.5,7.0,France",
        ],
    }
    for name, content in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("\n".join(content), encoding="utf-8")
    (folder / "events/mixed.ndjson").write_bytes(
        (event(messageId="m4", event="Café") + "\n").encode()
    )
    latin = json.dumps({"messageId": "m5", "event": "Café"}, ensure_ascii=False)
    (folder / "events/latin.ndjson").write_bytes(latin.encode("latin-1"))
    cut = gzip.compress("\n".join(event(messageId=f"cut{n}") for n in range(100_000)).encode())
    (folder / "events/truncated.ndjson.gz").write_bytes(cut[: len(cut) // 2])
    (folder / "events/binary.ndjson").write_bytes(bytes(range(256)) * 100)
    return {source.name: sorted(source.iterdir()) for source in folder.iterdir()}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("bad_input")
    with installation(tmp_path_factory.mktemp("staging") / "home") as settings:
        stages.ensure_raw(settings)
        for source, paths in bad_input(folder).items():
            load(settings, source, *paths)
        if CAPTURE.exists():
            load(settings, "events", CAPTURE)
        if RETAIL.exists():
            load(settings, "online_retail", RETAIL)
        report = stages.staging(RunContext(settings))
        print(dict(report.rows))
        yield settings


def test_every_landed_record_is_accepted_quarantined_or_a_duplicate(lake: Settings) -> None:
    found = rows(
        lake,
        "select source, sum(landed), sum(accepted), sum(quarantined), sum(duplicates) "
        "from staging.landing_balance group by source order by source",
    )
    print(found)
    for source, landed, accepted, quarantined, duplicates in found:
        assert landed == accepted + quarantined + duplicates
        assert rows(lake, f"select count(*) from raw.{source}") == [(landed,)]
    assert (
        sum(row[3] for row in found) == rows(lake, "select count(*) from staging.quarantine")[0][0]
    )


@pytest.mark.parametrize(
    ("file", "reasons"),
    [
        ("good.ndjson", {"conflicting_id": 1}),
        ("times.ndjson", {"out_of_range": 1, "in_future": 1}),
        ("long.ndjson", {"line_too_long": 20}),
        ("shifted.csv", {"wrong_column_count": 1, "missing_field": 1}),
        ("no_header.csv", {"missing_columns": 1}),
        ("till.csv", {"invalid_value": 1}),
        ("latin.ndjson", {"invalid_encoding": 1}),
        ("mixed.ndjson", {}),
        ("truncated.ndjson.gz", {"cut_off": 1, "unreadable_file": 1}),
        ("binary.ndjson", {"unreadable_file": 1}),
    ],
)
def test_bad_input_is_quarantined_with_its_reason(
    lake: Settings, file: str, reasons: dict[str, int]
) -> None:
    found = rows(
        lake,
        f"select reason, count(*) from staging.quarantine where _file like '%/{file}' group by"
        " reason",
    )
    assert dict(found) == reasons


def test_quarantine_keeps_the_text_and_names_no_value(lake: Settings) -> None:
    ((raw, detail),) = rows(
        lake, "select _raw, detail from staging.quarantine where reason = 'wrong_column_count'"
    )
    assert raw == "k2,bob@example.com,surplus,1980-02-03,2026-01-01T00:00:00Z"
    assert detail == "5 cells under 4 columns"
    assert rows(lake, "select count(*) from staging.quarantine where detail like '%@%'") == [(0,)]


def test_what_was_read_of_a_truncated_file_is_used(lake: Settings) -> None:
    assert rows(
        lake,
        "select count(*) > 1000 from staging.stg_events__events where _file like '%/truncated%'",
    ) == [(True,)]


def test_an_item_scanned_twice_counts_twice(lake: Settings) -> None:
    found = rows(
        lake,
        "select quantity, customer_id from staging.stg_online_retail__lines where _file like"
        " '%/till.csv'",
    )
    assert found == [(1, "7"), (1, "7")]


@pytest.mark.skipif(
    not CAPTURE.exists(), reason="the captured SDK requests are not next to this checkout"
)
def test_no_captured_sdk_event_is_lost(lake: Settings) -> None:
    sent = {}
    for path in CAPTURE.glob("*.json"):
        body = json.loads(path.read_text(encoding="utf-8"))["body"]
        for event in (body or {}).get("batch", [body] if body else []):
            sent[event["messageId"]] = event
    accepted = {
        row[0]: row[1:]
        for row in rows(
            lake,
            "select event_id, type, anonymous_id, user_id, previous_id, group_id, trait_email,"
            " event_at from staging.stg_events__events where _file like"
            " '%/segment_client_capture/%'",
        )
    }
    print(len(sent), "events of the SDKs")
    assert len(sent) >= 50
    assert accepted.keys() == sent.keys()
    for message, event in sent.items():
        type_, anonymous, user, previous, group, email, at = accepted[message]
        own = event.get("context", {}).get("traits") or {}
        traits = own if event["type"] == "group" else event.get("traits") or own
        assert (type_, anonymous, user) == (
            event["type"],
            event.get("anonymousId") or None,
            event.get("userId") or None,
        )
        assert (previous, group) == (event.get("previousId") or None, event.get("groupId") or None)
        assert email == traits.get("email")
        assert at.isoformat()[:19] == (event.get("timestamp") or event["originalTimestamp"])[:19]


@pytest.mark.skipif(
    not RETAIL.exists(), reason="the online_retail file is not next to this checkout"
)
def test_online_retail_equals_the_file(lake: Settings) -> None:
    with duckdb.connect() as straight:
        straight.execute(
            "create view lines as select *, Quantity::bigint as units, UnitPrice::decimal(18, 3)"
            f" as price from read_csv('{RETAIL}', all_varchar = true)"
        )
        sold = "CustomerID is not null and InvoiceNo not like 'C%' and units > 0 and price > 0"
        (clean,) = straight.execute(
            "select count(*), count(distinct CustomerID), count(distinct InvoiceNo), sum(units *"
            f" price) from lines where {sold}"
        ).fetchall()
        (whole,) = straight.execute("select count(*), sum(units * price) from lines").fetchall()
        (guests,) = straight.execute(
            "select count(*) filter (where CustomerID is null), count(*) filter (where InvoiceNo"
            " like 'C%') from lines"
        ).fetchall()
    found = "from staging.stg_online_retail__lines where _file like '%/online_retail.csv.gz'"
    assert rows(lake, f"select count(*), sum(amount) {found}") == [whole]
    assert rows(
        lake,
        "select count(*) filter (where is_guest), count(*) filter (where line_kind ="
        f" 'cancellation') {found}",
    ) == [guests]
    ((lines, customers, orders, revenue),) = rows(
        lake,
        "select count(*), count(distinct customer_id), count(distinct invoice_id), sum(amount) "
        f"{found} and line_kind = 'sale' and not is_guest",
    )
    print(lines, customers, orders, revenue)
    assert (lines, customers, orders, revenue) == clean
    assert (whole[0], lines, customers, orders, round(revenue, 2)) == (
        541909,
        397884,
        4338,
        18532,
        Decimal("8911407.90"),
    )
    ((total,),) = rows(
        lake,
        "select sum(total) from staging.stg_online_retail__orders where not is_guest and _file like"
        " '%retail.csv.gz'",
    )
    assert total == revenue


def test_a_second_run_has_nothing_to_do_and_a_grown_file_adds_its_new_lines(
    lake: Settings, tmp_path: Path
) -> None:
    before = rows(lake, "select * from staging.landing_balance order by all")
    assert stages.staging(RunContext(lake)).notes == ["no new records"]
    assert rows(lake, "select * from staging.landing_balance order by all") == before
    line = "1,10A,LAMP,1,2010-12-01 08:26:00,2.5,7.0,France\n"
    grown = tmp_path / "grown.csv"
    grown.write_text(RETAIL_HEADER + line * 3 + line.replace("LAMP", "CUP"), encoding="utf-8")
    load(lake, "online_retail", grown)
    report = stages.staging(RunContext(lake))
    assert "staging.base_events" not in report.rows
    assert rows(
        lake,
        "select landed, accepted, quarantined, duplicates from staging.landing_balance where file"
        f" = '{grown}'",
    ) == [(4, 2, 0, 2)]


def test_sources_of_the_configuration_are_those_staging_accounts_for(lake: Settings) -> None:
    configured = {path.stem for path in (ROOT / "config" / "sources").glob("*.yml")}
    assert {row[0] for row in rows(lake, "select source from staging.record_times")} == configured
