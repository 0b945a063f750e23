"""The path of a new user, as docs/own-csv.md describes it: own files, no line written by hand."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path

import pytest

from segmentry.settings import ROOT
from tests.docs._blocks import commands
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]
PEOPLE = 60


def _orders_of(person: int) -> int:
    return 1 + person % 4


def _write_files(folder: Path) -> None:
    with (folder / "shop_orders.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["Order Number", "Order Date", "Customer Email", "Total", "Order Status"])
        writer.writerows(
            [f"R{p}-{n}", f"{1 + p % 28:02d}.0{1 + n}.2026 18:05", f"p{p}@shop.example.org",
             f"1.2{p:02d},50", "paid"]
            for p in range(PEOPLE) for n in range(_orders_of(p))
        )  # fmt: skip
    with (folder / "shop_contacts.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Customer ID", "E-Mail", "First Name", "Country", "Updated At"])
        writer.writerows(
            [f"C{p}", f"p{p}@shop.example.org", "Ann", "DE", "2026-06-01"] for p in range(PEOPLE)
        )


def _texts(folder: Path) -> dict[Path, str]:
    return {
        path.relative_to(folder): path.read_text(encoding="utf-8")
        for part in ("config", "dbt_project")
        for path in (folder / part).rglob("*")
        if path.suffix in {".yml", ".sql"}
    }


def test_an_own_csv_becomes_an_own_segment(tmp_path: Path) -> None:
    places = {"SEGMENTRY_CONFIG": "config", "SEGMENTRY_DBT_PROJECT": "dbt_project"}
    for name in places.values():
        shutil.copytree(ROOT / name, tmp_path / name)
    before = _texts(tmp_path)
    variables = {key: str(tmp_path / name) for key, name in places.items()}
    shop = Installation(tmp_path / "home")
    _write_files(tmp_path)
    started = time.monotonic()
    members = None
    for step in commands(ROOT / "docs" / "own-csv.md"):
        if step.words[0] == "export":
            assert step.text.startswith("export SEGMENTRY_HOME=")
            continue
        words = [str(tmp_path / w) if w.endswith(".csv") else w for w in step.words[1:]]
        printed = shop.call(*words, **variables)
        assert printed.strip(), f"{step} printed nothing"
        if "as members" in step.text:
            members = json.loads(shop.call(*words, "--output", "json", **variables))[0]["members"]
    minutes = (time.monotonic() - started) / 60
    made = {path: text for path, text in _texts(tmp_path).items() if path not in before}
    assert _texts(tmp_path).items() >= before.items()
    print(f"{minutes:.1f} minutes; {len(made)} files written by commands, 0 lines by hand")
    assert {path.name for path in made if path.parts[0] == "config"} == {
        "shop_orders.yml", "shop_contacts.yml",
    }  # fmt: skip
    assert members == sum(_orders_of(person) >= 2 for person in range(PEOPLE))
