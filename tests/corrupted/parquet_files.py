"""Parquet: damaged files, and columns of types that nobody expected."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.corrupted import Kind, People, Record, csv_text, kinds_of


def kinds(people: People) -> Iterator[Kind]:
    """All of them."""
    yield from kinds_of((_damaged, _structure, _names, _ids, _values, _times), people)


def parquet(columns: Mapping[str, Any], **options: Any) -> bytes:
    """A Parquet file of these columns."""
    file = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), file, **options)
    return file.getvalue()


def columns_of(records: list[Record]) -> dict[str, Any]:
    """The records' columns as text, whatever they are."""
    return {
        name: [None if r[name] is None else str(r[name]) for r in records] for name in records[0]
    }


def _damaged(people: People) -> Iterator[Kind]:
    whole = parquet(columns_of(people.of("orders")))
    contents = {
        "cut in half": whole[: len(whole) // 2], "without its end": whole[:-4],
        "its mark alone": b"PAR1",
        "marks alone": b"PAR1PAR1", "an end that lies": whole[:-8] + b"\xff\xff\xff\x7fPAR1",
        "zeros inside": whole[:40] + bytes(200) + whole[240:],
        "text under its name": csv_text(people.of("orders")).encode(),
        "encrypted": whole[:-4] + b"PARE",
    }  # fmt: skip
    for name, content in contents.items():
        yield Kind(
            f"parquet: {name}", "orders", "a.parquet", content, status="unreadable", faulty=1
        )


def _structure(people: People) -> Iterator[Kind]:
    structures: dict[str, dict[str, Any]] = {
        "zstd": {"compression": "zstd"}, "a row a group": {"row_group_size": 1},
        "version 1": {"version": "1.0"},
        "no dictionary": {"use_dictionary": False},
    }  # fmt: skip
    for name, options in structures.items():
        records = people.of("products")
        yield Kind(
            f"parquet: {name}",
            "products",
            "a.parquet",
            parquet(columns_of(records), **options),
            records,
        )
    empty = pa.table(columns_of(people.of("products"))).slice(0, 0)
    yield Kind(
        "parquet: no row",
        "products",
        "a.parquet",
        parquet({c: empty[c] for c in empty.column_names}),
        status="empty",
    )
    columns = columns_of(people.of("products"))
    columns.pop("product_id")
    yield Kind(
        "parquet: without the id", "products", "a.parquet", parquet(columns), status="refused"
    )
    columns = columns_of(records := people.of("products"))
    good = [{**record, "cost": None} for record in records]
    yield Kind(
        "parquet: a column of nulls",
        "products",
        "a.parquet",
        parquet({**columns, "cost": pa.nulls(2)}),
        good,
    )
    columns = columns_of(records := people.of("products"))
    raw = {**columns, "name": pa.array([b"a", b"b"], pa.binary())}
    good = [{**record, "name": name} for record, name in zip(records, "ab", strict=True)]
    yield Kind("parquet: text as bytes", "products", "a.parquet", parquet(raw), good)


def _names(people: People) -> Iterator[Kind]:
    for label, spelled in {
        "capitals": "CONTACT_ID",
        "blanks": " Contact Id ",
        "a mark": "\ufeffcontact_id",
    }.items():
        columns = columns_of(records := people.of("crm_contacts"))
        columns = {
            spelled if name == "contact_id" else name: values for name, values in columns.items()
        }
        yield Kind(
            f"parquet: id in {label}", "crm_contacts", "a.parquet", parquet(columns), records
        )
    columns = columns_of(records := people.of("crm_contacts"))
    columns["Email"] = ["a", "b"]
    yield Kind(
        "parquet: a column twice but for case",
        "crm_contacts",
        "a.parquet",
        parquet(columns),
        records,
    )
    columns = columns_of(records := people.of("crm_contacts"))
    columns.update(
        {
            'x"; drop table y; --': ["a", "b"],
            "": ["c", "d"],
            "a.b": ["e", "f"],
            "n" * 300: ["g", "h"],
        }
    )
    yield Kind(
        "parquet: names with quotes, dots and nothing",
        "crm_contacts",
        "a.parquet",
        parquet(columns),
        records,
    )


def _ids(people: People) -> Iterator[Kind]:
    for label, values in {
        "lists": pa.array([["a"], ["b"]]), "structs": pa.array([{"a": 1}, {"a": 2}]),
        "booleans": pa.array([True,
        False]),
        "maps": pa.array([[("a", 1)], [("b", 2)]], pa.map_(pa.string(), pa.int64())),
        "NaN": pa.array([float("nan")] * 2),
        "infinities": pa.array([float("inf"), float("-inf")]),
    }.items():  # fmt: skip
        columns = {**columns_of(people.of("subscriptions")), "change_id": values}
        yield Kind(
            f"parquet: ids are {label}", "subscriptions", "a.parquet", parquet(columns), faulty=2
        )
    for label, type_ in {
        "int64": pa.int64(),
        "uint64": pa.uint64(),
        "doubles": pa.float64(),
        "int8": pa.int8(),
    }.items():
        number = {"int64": 910_001, "uint64": 2**63 + 11, "doubles": 910_101, "int8": 5}[label]
        # The id of a change is kept as JSON writes the number: a double has a point.
        end = ".0" if label == "doubles" else ""
        records = [
            {**record, "change_id": f"{number + n}{end}"}
            for n, record in enumerate(people.of("subscriptions"))
        ]
        columns = {**columns_of(records), "change_id": pa.array([number, number + 1], type_)}
        yield Kind(
            f"parquet: ids are {label}", "subscriptions", "a.parquet", parquet(columns), records
        )


def _values(people: People) -> Iterator[Kind]:
    for label, values, faulty in (
        ("NaN", pa.array([float("nan"), 5.0]), True), ("infinite", pa.array([float("inf"), 5.0]),
        True),
        ("structs", pa.array([{"a": 1}, None]), True), ("decimals", pa.array([5, 5],
        pa.decimal128(38, 10)), False),
        ("half floats", pa.array([5, 5], pa.float32()), False), ("booleans", pa.array([True, None]),
        True),
        ("dates", pa.array([1, None], pa.date32()), True),
        # Parquet has no durations: a whole number is stored, and read.
        ("durations", pa.array([5, 5], pa.duration("s")), False),
    ):  # fmt: skip
        records = people.of("products")
        given = values.to_pylist()
        good = [
            {**record, "cost": None if faulty and given[n] != 5 else 5}
            for n, record in enumerate(records)
        ]
        columns = {**columns_of(records), "cost": values}
        yield Kind(f"parquet: costs are {label}", "products", "a.parquet", parquet(columns), good)


def _times(people: People) -> Iterator[Kind]:
    at = 1_780_300_000  # 2026-06-01T07:46:40Z
    for label, values in {
        "timestamps with a zone": pa.array([at, at], pa.timestamp("s", "America/New_York")),
        "timestamps without a zone": pa.array([at, at], pa.timestamp("s")),
        "nanoseconds": pa.array([at * 10**9] * 2, pa.timestamp("ns")),
    }.items():
        records = people.of("support_tickets", updated_at="2026-06-01T07:46:40Z", resolved_at=None)
        columns = {**columns_of(records), "updated_at": values}
        yield Kind(f"parquet: {label}", "support_tickets", "a.parquet", parquet(columns), records)
