"""One whole job over hundreds of kinds of corrupted files, compared with a job over the same
records in clean files.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sources.files import shown
from tests import corrupted, poison
from tests.corrupted import Kind
from tests.e2e import _shops
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]
RATES = "Date,GBP\n2026-05-29,0.85\n2026-06-05,0.85\n"


@dataclass(frozen=True)
class Shops:
    """A home that was given corrupted files, one that was given clean ones, and what the commands
    in the first one printed.
    """

    spoiled: Installation
    clean: Installation
    kinds: dict[str, Kind]
    reports: dict[str, dict[str, Any]]
    summary: dict[str, Any]
    printed: str


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shops]:
    folder = tmp_path_factory.mktemp("corrupted")
    poison.write(folder / "good", with_bad=False)
    (folder / "good" / "exchange_rates").mkdir()
    (folder / "good" / "exchange_rates" / "rates.csv").write_text(RATES, encoding="utf-8")
    # Each kind is loaded by tests/unit; half of them, more than 150, take part in the whole job,
    # and all in the soak.
    kinds = corrupted.all_kinds()[:: 1 if "SEGMENTRY_ALL_KINDS" in os.environ else 2]
    corrupted.write_clean(kinds, folder / "clean")
    spoiled = Installation(folder / "spoiled")
    clean = Installation(folder / "a clean home")
    # Half of the files are named by an operator; the job finds the others in the inbox.
    given = corrupted.write_corrupted(kinds[::2], folder / "given")
    found = corrupted.write_corrupted(kinds[1::2], spoiled.home / "inbox")
    spoiled.call("load", "--from", str(folder / "good"))
    load = spoiled.finish("load", "--from", str(folder / "given"), "-o", "json", expect=1)
    run = spoiled.finish("run", "--no-airflow", "-o", "json", expect=1)
    clean.call("load", "--from", str(folder / "good"))
    clean.call("load", "--from", str(folder / "clean"))
    clean.call("run", "--no-airflow")
    reports = {report["file"]: report for report in json.loads(load.stdout)}
    printed = load.stdout + load.stderr + run.stdout + run.stderr
    named = {shown(path): kind for path, kind in {**given, **found}.items()}
    yield Shops(spoiled, clean, named, reports, json.loads(run.stdout), printed)


def outcomes(shops: Shops) -> dict[str, Counter[str]]:
    """File to what staging made of its records."""
    sql = " union all ".join(
        f"select _file, outcome, count(*) from lake.staging.base_{source} group by all"
        for source in sorted({kind.source for kind in shops.kinds.values()})
    )
    found: dict[str, Counter[str]] = {path: Counter() for path in shops.kinds}
    for file, outcome, records in _shops.rows(shops.spoiled.home, sql):
        if file in found:
            found[file][outcome] += records
    return found


def test_each_file_is_landed_or_refused_as_it_should_be(shops: Shops) -> None:
    not_loaded = {row["file"]: row["status"] for row in shops.summary["not loaded"]}
    wrong: list[Any] = []
    for path, kind in shops.kinds.items():
        if path in shops.reports:
            report = shops.reports[path]
            wrong += [(kind.name, kind.status, report)] if report["status"] != kind.status else []
        else:
            reported = [
                status for file, status in not_loaded.items() if file.startswith(f"{path}: ")
            ]
            expected = [kind.status] if kind.status in {"refused", "unreadable"} else []
            wrong += [(kind.name, expected, reported)] if reported != expected else []
    assert not wrong
    refused = [file for file, status in not_loaded.items() if status == "refused"]
    assert refused and all(
        "nothing is landed" in file and "Fix the file" in file for file in refused
    )


def test_every_good_record_is_accepted_and_every_other_one_counted(shops: Shops) -> None:
    wrong: list[Any] = []
    for path, found in outcomes(shops).items():
        kind = shops.kinds[path]
        records = ", ".join(f"{records} {outcome}" for outcome, records in sorted(found.items()))
        print(f"{kind.source:<16} {kind.name:<50} {kind.status:<10} {records}")
        rest = found["quarantined"] + found["duplicate"]
        is_right = found["accepted"] == len(kind.good) and kind.faulty in {None, rest}
        wrong += [] if is_right else [(kind.name, len(kind.good), kind.faulty, dict(found))]
    assert not wrong


def test_everything_that_landed_is_counted(shops: Shops) -> None:
    home = shops.spoiled.home
    counts = dict(
        _shops.rows(
            home,
            "select subject, sum(counted) from lake.observability.data_quality group by subject",
        )
    )
    (landed,) = _shops.rows(home, "select sum(records) from lake.raw._loads")[0]
    assert counts["records_landed"] == landed
    rest = counts["records_quarantined"] + counts.get("records_duplicates", 0)
    assert landed == counts["records_accepted"] + rest
    assert counts["records_quarantined"] == counts["records_quarantined_by_reason"]
    assert (
        counts["values_landed"]
        == counts["values_accepted"] + counts["values_cleared"] + counts["values_empty"]
    )


def test_what_is_published_is_what_clean_files_give(shops: Shops) -> None:
    assert _shops.differences(shops.spoiled.home, shops.clean.home) == {}


def test_what_is_sent_is_what_clean_files_give(shops: Shops) -> None:
    sent = _shops.sent(shops.spoiled.home)
    assert sent == _shops.sent(shops.clean.home)
    assert sent.total() >= poison.PEOPLE * 0.9


def test_no_identifier_is_printed_or_logged(shops: Shops) -> None:
    logs = "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in Path(shops.spoiled.home, "logs").rglob("*")
        if path.is_file()
    )
    for text in (shops.printed, logs):
        assert "@shop.example" not in text and "user-20" not in text and "user-1" not in text
