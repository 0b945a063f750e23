"""Corrupted files, a kind each, with what must become of it; and the same records as clean
files.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests import poison

Record = dict[str, Any]
# The number of the first person of the corrupted files: none of the good ones.
FIRST = 20_000
FLAT = (
    "crm_contacts", "orders", "products", "subscriptions", "support_tickets", "email_events",
    "consents",
    "online_retail",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """One corrupted file.

    make: its content, or what makes it at a path. status: what loading reports, of these one. good:
    the records that must be accepted of it, as a clean file would have them. faulty: landed records
    that are not accepted; None where only their sum is checked.
    """

    name: str
    source: str
    file: str
    make: bytes | Callable[[Path], None]
    good: Sequence[Record] = ()
    status: str = "landed"
    faulty: int | None = 0

    def write(self, folder: Path) -> Path:
        """The file, in a folder of its own below the source's, because names of kinds may
        repeat.
        """
        path = folder / self.file
        folder.mkdir(parents=True, exist_ok=True)
        if callable(self.make):
            self.make(path)
        else:
            path.write_bytes(self.make)
        return path


class People:
    """Records of people that no other file mentions."""

    def __init__(self) -> None:
        self._numbers = count(FIRST)
        self._sources = count()

    def of(self, source: str, records: int = 2, **fields: Any) -> list[Record]:
        """Records of the source, each of another person; fields: values that replace the usual
        ones.
        """
        made = []
        for _ in range(records):
            number = next(self._numbers)
            usual = rate(number) if source == "exchange_rates" else poison.good(source, number)
            made.append({**usual, **fields})
        return made

    def source(self) -> str:
        """Each flat source in turn."""
        return FLAT[next(self._sources) % len(FLAT)]


def rate(number: int) -> Record:
    """A day's rate, of a year in which nothing was bought."""
    return {
        "Date": f"{2000 + number % 20}-{1 + number // 20 % 12:02}-{1 + number // 240 % 28:02}",
        "GBP": "0.85",
    }


def csv_text(
    records: Sequence[Record], delimiter: str = ",", end: str = "\n", header: bool = True
) -> str:
    """The records as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), delimiter=delimiter, lineterminator=end)
    if header:
        writer.writeheader()
    writer.writerows(records)
    return text.getvalue()


def rows(records: Sequence[Record]) -> list[str]:
    """The records as lines of CSV, the header first."""
    return csv_text(records).splitlines()


def ndjson_text(records: Sequence[Record]) -> str:
    """The records as one JSON object per line."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def text_of(records: Sequence[Record], format_: str) -> str:
    """The records in a format of text."""
    if format_ == "csv":
        return csv_text(records)
    return json.dumps(records, ensure_ascii=False) if format_ == "json" else ndjson_text(records)


def all_kinds() -> list[Kind]:
    """Every kind; each has a name of its own."""
    from tests.corrupted import (
        csv_files,
        encodings,
        json_files,
        packed_files,
        parquet_files,
        places,
    )

    people = People()
    modules = (encodings, csv_files, json_files, packed_files, parquet_files, places)
    kinds = [kind for module in modules for kind in module.kinds(people)]
    assert len({kind.name for kind in kinds}) == len(kinds)
    return kinds


def write_corrupted(kinds: Sequence[Kind], folder: Path) -> dict[str, Kind]:
    """Each kind's file below the folder of its source; path to kind."""
    written = {}
    for number, kind in enumerate(kinds):
        path = kind.write(folder / kind.source / f"k{number:03}")
        written[str(path)] = kind
    return written


def write_clean(kinds: Sequence[Kind], folder: Path) -> None:
    """What is good of the kinds, a clean file per source."""
    for source in sorted({kind.source for kind in kinds}):
        records = [record for kind in kinds if kind.source == source for record in kind.good]
        (folder / source).mkdir(parents=True, exist_ok=True)
        if source == "exchange_rates":
            (folder / source / "clean.csv").write_text(csv_text(records), encoding="utf-8")
        elif records:
            (folder / source / "clean.ndjson").write_text(ndjson_text(records), encoding="utf-8")


def kinds_of(
    makers: Sequence[Callable[[People], Iterator[Kind]]], people: People
) -> Iterator[Kind]:
    """The kinds that each maker gives."""
    for make in makers:
        yield from make(people)
