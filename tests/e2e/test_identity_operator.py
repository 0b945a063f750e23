"""What an operator of identity does on a shop that has run: look at a person, try other rules, undo
a merge, plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from segmentry.settings import ROOT
from simulator import receiver
from tests.e2e.test_main_job import Shop, contents

pytestmark = [pytest.mark.soak]
# A person in a sync with the address that the sync writes to: without the link of this address to
# the account, no sync knows whose it is.
_PERSON = """
select emails.identifier as email, users.identifier as user_id, emails.profile_id
from identity.identifier_mapping as emails
inner join identity.identifier_mapping as users using (profile_id)
inner join profiles.profiles as people on people.profile_id = emails.profile_id
    and people.email = emails.identifier
inner join activation.sync_snapshot as sent on sent.row_key = emails.profile_id
where emails.identifier_type = 'email' and users.identifier_type = 'user_id'
order by all limit 1
"""
# The rules that link an address to its owner.
_ADDRESSES = {"trait", "order", "form", "billing", "crm", "crm_email", "guest_order"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop after its first run."""
    folder = tmp_path_factory.mktemp("identity_operator")
    inbox = folder / "inbox"
    shop = Shop(folder / "home", {"SEGMENTRY_INBOX": str(inbox)})
    shop.call("simulate", "--people", "150", "--days", "120", "--seed", "5", "--out", str(inbox))
    with receiver.running(shop.settings) as variables:
        shop.variables.update(variables)
        shop.segmentry("run", "--no-airflow")
        yield shop


def planned(shop: Shop) -> dict[str, int]:
    """Rows that the next sync would send, by operation."""
    rows: list[dict[str, Any]] = shop.segmentry("sync", "plan")
    return {
        operation: sum(row[operation] for row in rows) for operation in ("add", "update", "remove")
    }


def test_a_person_has_evidence_provenance_and_what_was_sent(shop: Shop) -> None:
    (person,) = shop.query(_PERSON)
    page = shop.segmentry("profile", f"email:{person['email']}")
    assert page["profile_id"] == person["profile_id"]
    assert all(row["evidence"] for row in page["identifiers"])
    assert {row["trait"] for row in page["traits"] if row["source"] and row["record_id"]} >= {
        "email",
        "country",
    }
    assert page["sent"]
    assert page["segments"]


def test_what_if_reports_profiles_segments_and_destinations_and_changes_nothing(
    shop: Shop, tmp_path: Path
) -> None:
    policies = yaml.safe_load((ROOT / "config" / "policies.yml").read_text())
    for rule in policies["identity"]["rules"]:
        rule["use"] = rule["name"] not in _ADDRESSES
    changed = tmp_path / "changed.yml"
    changed.write_text(yaml.safe_dump(policies))
    before = contents(shop)
    found = shop.segmentry("identity", "what-if", str(changed))
    print(found)
    assert found["profiles"]["profiles_then"] > found["profiles"]["profiles_now"]
    assert found["profiles"]["would_split"] > 0
    assert sum(row["gained"] + row["lost"] for row in found["segments"]) > 0
    assert {row["sync"] for row in found["destinations"]} >= {"newsletter_file", "segment_export"}
    assert any(row["rows_now"] != row["rows_then"] for row in found["destinations"])
    assert contents(shop) == before


def test_after_an_unmerge_the_next_plan_carries_the_corrections(shop: Shop) -> None:
    assert planned(shop) == {"add": 0, "update": 0, "remove": 0}
    (person,) = shop.query(_PERSON)
    one = f"email:{person['email']}"
    other = f"user_id:{person['user_id']}"
    shop.call("identity", "unmerge", one, other, **shop.variables)
    assert (
        shop.segmentry("profile", one)["profile_id"]
        != shop.segmentry("profile", other)["profile_id"]
    )
    plan = planned(shop)
    print(plan)
    assert sum(plan.values()) > 0
    lost = shop.value(
        "select count(*) from marts.events anti join profiles.profiles using (profile_id) where"
        " profile_id is not null"
    )
    assert lost == 0, "facts of a profile that does not exist"
