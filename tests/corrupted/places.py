"""Files with odd names, and places that are no files."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.corrupted import Kind, People, csv_text, kinds_of, ndjson_text


def kinds(people: People) -> Iterator[Kind]:
    """All of them."""
    yield from kinds_of((_names, _places), people)


def _names(people: People) -> Iterator[Kind]:
    for name in (
        "a*.csv",
        "a?.csv",
        "a[12].csv",
        "a{b,c}.csv",
        "ä 'q' \"r\".csv",
        "-x.csv",
        "a\nb.csv",
        "$HOME.csv",
        "x" * 240 + ".csv",
        "A.CSV",
        "a.csv.csv",
        "%2e%2e.csv",
        "a\x1b[2J.csv",
        "s3:x.csv",
    ):
        source = people.source()
        records = people.of(source)
        yield Kind(f"name {name[:20]!r}", source, name, csv_text(records).encode(), records)
    records = people.of("events")
    name = os.fsdecode(b"caf\xe9.ndjson")
    yield Kind("name in latin-1", "events", name, ndjson_text(records).encode(), records)
    yield Kind(
        "name without a format",
        "orders",
        "orders",
        csv_text(people.of("orders")).encode(),
        status="skipped",
    )
    yield Kind(
        "name of another format",
        "orders",
        "a.txt",
        csv_text(people.of("orders")).encode(),
        status="skipped",
    )
    yield Kind(
        "csv named json",
        "surveys",
        "a.json",
        csv_text(people.of("surveys")).encode(),
        status="unreadable",
        faulty=1,
    )
    yield Kind(
        "csv named ndjson",
        "orders",
        "a.ndjson",
        csv_text(people.of("orders")).encode(),
        status="refused",
    )
    yield Kind(
        "ndjson named csv",
        "orders",
        "a.csv",
        ndjson_text(people.of("orders")).encode(),
        status="refused",
    )
    yield Kind(
        "ndjson of another source",
        "orders",
        "a.ndjson",
        ndjson_text(people.of("surveys")).encode(),
        status="refused",
    )


def _places(people: People) -> Iterator[Kind]:
    elsewhere = csv_text(people.of("orders")).encode()

    def link(path: Path) -> None:
        target = path.with_name("_target")
        target.write_bytes(elsewhere)
        path.symlink_to(target)

    def unix_socket(path: Path) -> None:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket has at most 107 characters
        try:
            socket.socket(socket.AF_UNIX).bind(path.name)
        finally:
            os.chdir(here)

    makers: dict[str, Callable[[Path], None]] = {
        "a symbolic link": link,
        "a link to nothing": lambda path: path.symlink_to(path.with_name("none")),
        "a link to itself": lambda path: path.symlink_to(path),
        "a pipe": lambda path: os.mkfifo(path),
        "a link to a folder": lambda path: path.symlink_to("/"), "a socket": unix_socket,
    }  # fmt: skip
    for name, make in makers.items():
        yield Kind(name, "orders", "a.csv", make, status="skipped")
