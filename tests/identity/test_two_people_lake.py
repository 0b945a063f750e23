"""Through dbt on a lake: a contact that is corrected, and what `identity explain` prints."""

from __future__ import annotations

import pytest

from cli.main import run
from segmentry import warehouse
from segmentry.settings import Settings
from tests.identity.lake import Lake, groups

pytestmark = pytest.mark.slow

FAMILY = "anna.huber77@post.example"


def contact(name: str, first: str, day: int) -> dict[str, object]:
    return {
        "contact_id": name, "email": FAMILY, "first_name": first, "last_name": "Huber", "day": day,
    }  # fmt: skip


def correct(lake: Lake, name: str, first: str, day: int) -> None:
    """The CRM exports the contact again with another name."""
    with warehouse.connect(lake.settings) as connection:
        connection.execute(
            "delete from lake.staging.stg_crm_contacts__contacts where contact_id = ?", [name]
        )
    row = contact(name, first, day) | {"batch": f"export {day}", "id": f"export {day}:{name}"}
    lake.add("stg_crm_contacts__contacts", row)


def test_a_corrected_name_decides_again_who_is_one_person(
    home: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = Lake(home)
    lake.add("stg_crm_contacts__contacts", contact("k1", "Anna", 1), contact("k2", "Peter", 2))
    lake.event("c1", "u1", day=3, trait_email=FAMILY, traits='{"firstName": "Anna"}')
    lake.resolve()
    two = groups({"crm_id:k1"}, {"crm_id:k2"}, {f"email:{FAMILY}"}, {"user_id:u1", "cookie:c1"})
    assert lake.groups() == two
    traits = lake.rows("select value from identity.trait_provenance where trait = 'email'")
    assert [row["value"] for row in traits] == [FAMILY] * 4, "each keeps the address"
    capsys.readouterr()
    assert run(["identity", "explain", "crm_id:k1", "crm_id:k2"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "Two people" in printed
    assert "different names" in printed
    correct(lake, "k2", "Ann", 5)
    lake.resolve()
    assert len(lake.groups()) == 1
    correct(lake, "k2", "Jakub", 6)
    lake.resolve()
    assert lake.groups() == two
    assert run(["identity", "review", "k1", "k3", "accepted"]) == 2
    assert "not two known contacts" in capsys.readouterr().err
    assert run(["identity", "review", "k2", "k1", "accepted"]) == 0
    lake.resolve()
    assert len(lake.groups()) == 1, "whatever their names are"
    assert run(["identity", "review", "k1", "k2", "refused"]) == 0
    lake.resolve()
    assert lake.groups() == two
