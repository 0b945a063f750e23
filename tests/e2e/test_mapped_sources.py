"""One whole job on a shop whose orders, contacts and consents come in files with other column
names.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmentry.settings import ROOT
from tests import poison
from tests.e2e._job import Installation

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mapped"), pytest.mark.timeout(1500)]

PEOPLE = 60
# These opt out: by address, by the number of their contact, and in a record that is no good
# otherwise.
REFUSED = {
    1: ("E-Mail", "Abgemeldet"),
    2: ("Kundennummer", "withdrawn"),
    3: ("E-Mail", "withdrawn"),
}
MAPS: dict[str, dict[str, Any]] = {
    "till_orders": {
        "maps_to": "orders", "keys": "till",
        "columns": {"order_id": "Beleg Nr", "ordered_at": "Belegdatum", "email": "Kundenmail",
        "total": "Summe"},
        "constants": {"status": "completed", "currency": "EUR"},
    },
    "till_contacts": {
        "maps_to": "crm_contacts", "keys": "till",
        "columns": {"contact_id": "Kundennummer", "email": "Mail", "first_name": "Vorname",
        "updated_at": "Stand"},
        "constants": {"country": "DE"},
    },
    "till_consents": {
        "maps_to": "consents", "keys": "till",
        "columns": {"identifier_type": "Art", "identifier": "Wert", "status": "Antwort",
        "occurred_at": "Am"},
        "constants": {"purpose": "marketing", "channel": "email", "jurisdiction": "DE"},
    },
}  # fmt: skip


def _mail(person: int) -> str:
    return f"person{person}@shop.example.org"


def _day(person: int) -> str:
    return poison.DAY.format(1 + person % 28)


def _consents() -> Iterator[Sequence[str]]:
    for person in range(PEOPLE):
        yield "E-Mail", _mail(person), "granted", "2026-05-01T00:00:00Z"
    for person, (kind, status) in REFUSED.items():
        named = f"k{person}" if kind == "Kundennummer" else _mail(person)
        # The type of a contact's number is known as contact_id; no time is stated for person 3.
        yield (
            kind.replace("Kundennummer", "contact_id"),
            named,
            status,
            "" if person == 3 else "2026-06-20T00:00:00Z",
        )


def _write(path: Path, header: Sequence[str], rows: Iterator[Sequence[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(header)
        writer.writerows(rows)


def _configured(folder: Path) -> Path:
    shutil.copytree(ROOT / "config", folder)
    for name, content in MAPS.items():
        stated = {
            "name": name,
            "description": "The files of a till.",
            "paths": [f"${{SEGMENTRY_INBOX}}/{name}"],
        }
        (folder / "sources" / f"{name}.yml").write_text(
            yaml.safe_dump({**stated, **content}), encoding="utf-8"
        )
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("mapped")
    config = str(_configured(folder / "config"))
    poison.write(folder / "files", with_bad=False)
    # The shipped sources have records with the same keys, of other people.
    for name in ("consents", "crm_contacts", "orders"):
        lines = (
            (folder / "files" / name / "records.ndjson").read_text(encoding="utf-8").splitlines()
        )
        there = [
            line.replace("@shop.example.org", "@other.example.org").replace("user-", "other-")
            for line in lines
        ]
        (folder / "files" / name / "records.ndjson").write_text(
            "\n".join(there[:PEOPLE]) + "\n", encoding="utf-8"
        )
    installed = Installation(folder / "home")
    inbox = installed.home / "inbox"
    people = range(PEOPLE)
    orders = ((f"o{one}", _day(one), _mail(one), "10.00") for one in people)
    contacts = ((f"k{one}", _mail(one), "Ann", _day(one), "x") for one in people)
    _write(
        inbox / "till_orders" / "a.csv", ["Beleg-Nr", "BELEGDATUM", "Kundenmail", "Summe"], orders
    )
    _write(
        inbox / "till_contacts" / "a.csv",
        ["Kundennummer", "Mail", "Vorname", "Stand", "phone"],
        contacts,
    )
    _write(folder / "consents.csv", ["Art", "Wert", "Antwort", "Am"], _consents())
    installed.call("load", "--from", str(folder / "files"), SEGMENTRY_CONFIG=config)
    installed.call("load", "till_consents", str(folder / "consents.csv"), SEGMENTRY_CONFIG=config)
    installed.call("run", "--no-airflow", SEGMENTRY_CONFIG=config)
    yield installed


def test_the_records_are_counted_for_their_own_source(shop: Installation) -> None:
    found = shop.query(
        "select source, landed, accepted, quarantined, duplicates from staging.landing_balance"
        " where starts_with(source, 'till_') order by source"
    )
    assert found == [
        {
            "source": "till_consents",
            "landed": PEOPLE + 3,
            "accepted": PEOPLE + 1,
            "quarantined": 2,
            "duplicates": 0,
        },
        {
            "source": "till_contacts",
            "landed": PEOPLE,
            "accepted": PEOPLE,
            "quarantined": 0,
            "duplicates": 0,
        },
        {
            "source": "till_orders",
            "landed": PEOPLE,
            "accepted": PEOPLE,
            "quarantined": 0,
            "duplicates": 0,
        },
    ]
    assert (
        shop.value("select count(*) from staging.quarantine where _source = 'till_consents'") == 2
    )
    assert {
        row["source"] for row in shop.query("select source from observability.source_freshness")
    } >= set(MAPS)
    unread = shop.query(
        "select source, name from observability.data_quality where subject = 'columns_unread'"
    )
    assert {"source": "till_contacts", "name": "phone - not mapped"} in unread


def test_the_keys_of_two_systems_are_not_one(shop: Installation) -> None:
    assert shop.value("select count(*) from marts.orders where order_id in ('o5', 'till:o5')") == 2
    people = shop.query(
        "select identifier, profile_id from identity.identifier_mapping where identifier in ('k5',"
        " 'till:k5')"
    )
    assert len({row["profile_id"] for row in people}) == 2


def test_the_people_have_profiles_features_and_segments(shop: Installation) -> None:
    emails = ", ".join(f"'{_mail(person)}'" for person in range(PEOPLE))
    of_the_till = f"select profile_id from profiles.profiles where email in ({emails})"
    row = shop.query(
        "select count(*) as people, min(revenue_lifetime) as least, max(revenue_lifetime) as most"
        f" from profiles.profiles where profile_id in ({of_the_till}) and country = 'DE'"
    )
    assert row == [{"people": PEOPLE, "least": 10.0, "most": 10.0}]
    assert (
        shop.value(
            f"select count(*) from segments.segment_memberships where profile_id in ({of_the_till})"
        )
        > 0
    )


def test_who_refused_in_a_mapped_file_is_sent_nothing(shop: Installation) -> None:
    (file,) = Path(shop.home, "outbox", "newsletter_file").rglob("*.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        sent = {row["email"] for row in csv.DictReader(lines)}
    refused = {_mail(person) for person in REFUSED}
    assert not sent & refused
    others = {_mail(person) for person in range(PEOPLE)} - refused
    assert len(sent & others) > 0.8 * len(others)
    # A refusal by the number of a contact of the till is none of the contact of the shop with this
    # number.
    assert "person2@other.example.org" in sent | _held_out(shop)


def _held_out(shop: Installation) -> set[str]:
    rows = shop.query(
        "select profiles.email from audiences.candidates as candidates"
        " inner join profiles.profiles as profiles using (profile_id)"
        " where candidates.sync = 'newsletter_file' and candidates.verdict = 'held_out'"
    )
    return {row["email"] for row in rows}
