"""A shop adds two foreign files with `segmentry sources new` alone; a run finds their people."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from segmentry.settings import ROOT
from tests import poison
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("new"), pytest.mark.timeout(1500)]

PEOPLE = 40


def _mail(person: int) -> str:
    return f"visitor{person}@till.example.org"


def _write(path: Path, header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(header)
        writer.writerows(rows)
    return str(path)


class Shop:
    """An installation with a configuration and a dbt project of its own."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(ROOT / "config", folder / "config")
        shutil.copytree(ROOT / "dbt_project", folder / "dbt")
        self.installed = Installation(folder / "home")
        self.variables = {
            "SEGMENTRY_CONFIG": str(folder / "config"),
            "SEGMENTRY_DBT_PROJECT": str(folder / "dbt"),
        }

    def call(self, *words: str, expect: int = 0) -> str:
        return self.installed.call(*words, expect=expect, **self.variables)

    def query(self, sql: str) -> list[dict[str, Any]]:
        return self.installed.query(sql)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("new")
    made = Shop(folder)
    poison.write(folder / "files", with_bad=False)
    made.call("load", "--from", str(folder / "files"))
    people = range(PEOPLE)
    orders = _write(
        folder / "bestellungen.csv",
        ["Beleg Nr", "Belegdatum", "Kundenmail", "Summe", "Stand", "Größe"],
        (
            (f"o{one}", f"{1 + one % 28:02d}.05.2026", _mail(one), "1.250,50", "bezahlt", "groß")
            for one in people
        ),
    )
    # A person's card is in two records, once with an address and once with a number.
    points = _write(
        folder / "punkte.csv",
        ["Buchung Nr", "Kartennummer", "E-Mail", "Handy", "Punkte", "Gebucht am"],
        (
            (f"b{one}-{half}", f"card{one}", _mail(one) if half else "",
             "" if half else f"+49 151 2345{one:04d}", str(one), f"{1 + one % 28:02d}.06.2026")
            for one in people for half in (0, 1)
        ),
    )  # fmt: skip
    for file in (orders, points):
        made.call("sources", "new", file)
        made.call("sources", "check", file, "--source", Path(file).stem)
        made.call("load", Path(file).stem, file)
    made.call("check", "segments")
    made.call("run", "--no-airflow", "--until", "marts")
    return made


def test_every_record_of_both_is_accepted(shop: Shop) -> None:
    found = shop.query(
        "select source, sum(landed) as landed, sum(accepted) as accepted from"
        " staging.landing_balance where source in ('bestellungen', 'punkte') group by all"
        " order by source"
    )
    assert [(row["source"], row["landed"], row["accepted"]) for row in found] == [
        ("bestellungen", PEOPLE, PEOPLE),
        ("punkte", 2 * PEOPLE, 2 * PEOPLE),
    ]


def test_values_are_read_as_the_file_writes_them(shop: Shop) -> None:
    (row,) = shop.query(
        "select min(total) as total, min(status) as status, min(ordered_at) as first_at from"
        " staging.stg_orders__orders where starts_with(order_id, 'bestellungen:')"
    )
    assert (float(row["total"]), row["status"]) == (1250.5, "completed")
    assert row["first_at"].startswith("2026-05-01")
    (row,) = shop.query("select min(gebucht_am) as first_at from staging.stg_punkte__records")
    assert row["first_at"].startswith("2026-06-01")


def test_the_people_of_both_files_are_found_with_their_records(shop: Shop) -> None:
    mails = ", ".join(f"'{_mail(one)}'" for one in range(PEOPLE))
    (row,) = shop.query(
        "select count(distinct profile_id) as people from identity.identifier_mapping"
        f" where identifier_type = 'email' and identifier in ({mails})"
    )
    assert row["people"] == PEOPLE
    (row,) = shop.query(
        "select count(*) as orders, count(distinct profile_id) as people from marts.orders"
        " where starts_with(order_id, 'bestellungen:')"
    )
    assert row == {"orders": PEOPLE, "people": PEOPLE}
    (row,) = shop.query(
        "select count(distinct mapping.profile_id) as people from staging.stg_punkte__records as"
        " points inner join identity.identifier_mapping as mapping on mapping.identifier_type ="
        " 'loyalty_id' and mapping.identifier = points.kartennummer"
    )
    assert row["people"] == PEOPLE
    # The telephone number and the address of a card are one person's.
    (row,) = shop.query(
        "select count(*) as joined from (select profile_id from identity.identifier_mapping where"
        " identifier_type in ('email', 'phone', 'loyalty_id') group by profile_id having"
        " count(distinct identifier_type) = 3 and"
        f" count(*) filter (where identifier in ({mails})) = 1)"
    )
    assert row["joined"] == PEOPLE


def test_a_second_run_takes_in_what_is_new(shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "punkte2.csv"
    file = _write(
        path,
        ["Buchung Nr", "Kartennummer", "E-Mail", "Handy", "Punkte", "Gebucht am"],
        iter([("b-new", "card-new", "new@till.example.org", "", "1", "03.06.2026")]),
    )
    shop.call("load", "punkte", file)
    shop.call("run", "--no-airflow", "--until", "identity")
    (row,) = shop.query(
        "select count(distinct profile_id) as people, count(*) as identifiers from"
        " identity.identifier_mapping where identifier in ('card-new', 'new@till.example.org')"
    )
    assert row == {"people": 1, "identifiers": 2}
