"""One whole job on good records with a bad one for each column and odd value between them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import poison
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

RATES = "Date,GBP\n2026-05-29,0.85\n2026-06-05,0.85\n"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("poison")
    poison.write(folder / "files")
    installed = Installation(folder / "home")
    installed.call("load", "--from", str(folder / "files"))
    rates = folder / "rates.csv"
    rates.write_text(RATES, encoding="utf-8")
    installed.call("load", "exchange_rates", str(rates))
    installed.call("run", "--no-airflow")
    yield installed


def test_every_good_person_is_published_with_their_orders(shop: Installation) -> None:
    (row,) = shop.query(
        "select count(*) as people, min(revenue_lifetime) as least, max(revenue_lifetime) as most"
        " from profiles.profiles where try_cast(replace(user_id, 'user-', '') as integer) < 10000"
    )
    assert row == {"people": poison.PEOPLE, "least": 10.0, "most": 10.0}


def test_every_good_person_is_in_the_file_or_held_out_of_it(shop: Installation) -> None:
    (file,) = Path(shop.home, "outbox", "newsletter_file").rglob("*.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        sent = {row["email"] for row in csv.DictReader(lines)}
    held_out = {row["email"] for row in shop.query(
        "select profiles.email from audiences.candidates as candidates"
        " inner join profiles.profiles as profiles using (profile_id)"
        " where candidates.sync = 'newsletter_file' and candidates.verdict = 'held_out'"
    )}  # fmt: skip
    wanted = {poison.good("crm_contacts", person)["email"] for person in range(poison.PEOPLE)}
    assert wanted <= sent | held_out
    assert len(held_out) < poison.PEOPLE / 5


def test_no_odd_value_is_in_what_is_published(shop: Installation) -> None:
    (row,) = shop.query(
        "select max(revenue_lifetime) as revenue, min(revenue_lifetime) as loss, max(mrr) as mrr,"
        " min(mrr) as debt, max(household_size) as household, max(birth_date) as born from"
        " profiles.profiles"
    )
    assert (row["revenue"], row["loss"], row["mrr"], row["debt"]) == (10.0, 0.0, 20.0, 0.0)
    assert row["household"] <= 30
    assert str(row["born"])[:10] == "1980-02-29"


def test_everything_is_counted(shop: Installation) -> None:
    counts = {row["subject"]: row["counted"] for row in shop.query(
        "select subject, sum(counted)::bigint as counted"
        " from observability.data_quality group by subject"
    )}  # fmt: skip
    bad = sum(len(list(poison.bad(source))) for source in poison.SOURCES)
    assert (
        counts["records_landed"]
        == poison.PEOPLE * len(poison.SOURCES) + bad + RATES.count("\n") - 1
    )
    rest = counts["records_quarantined"] + counts.get("records_duplicates", 0)
    assert counts["records_landed"] == counts["records_accepted"] + rest
    values = sum(counts[f"values_{outcome}"] for outcome in ("accepted", "cleared", "empty"))
    assert counts["values_landed"] == values
