"""A run that resolves only what has changed, through dbt on a lake: it gives what a run from the beginning gives."""

from __future__ import annotations

from typing import Any

from segmentry import resolution, warehouse
from segmentry.settings import Settings
from tests.identity_lake import Lake, groups

TABLES = {
    "identifier_claims": "*",
    "identifier_values": "*",
    "identifiers": "* exclude (node)",
    "identifier_links": "* exclude (left_node, right_node)",
    "refused_links": "*",
    "profile_ids": "*",
    "profile_resolution": "profile_id, current_profile_id",
    "identifier_mapping": "*",
    "id_mapping_scd": "*",
    "merge_events": "*",
}


def contents(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    """Everything that identity holds, but for the numbers that mean nothing."""
    return {name: lake.rows(f"select {columns} from identity.{name} order by all") for name, columns in TABLES.items()}


def test_new_and_corrected_records_give_what_a_full_rebuild_gives(home: Settings) -> None:
    lake = Lake(home)
    lake.event("phone", "u1", day=1)
    lake.event("kiosk", "u9", day=1)
    lake.add(
        "stg_crm_contacts__contacts",
        {"contact_id": "k1", "user_id": "u1", "email": "typo@example.com", "day": 2},
        {"contact_id": "k2", "email": "bob@example.com", "phone": "030 901820", "country": "DE", "day": 2},
    )
    lake.resolve()
    bystander = lake.profile_of("crm_id:k2")
    lake.event("laptop", "u1", day=3)
    lake.event(None, "u3", type="alias", previous_id="phone", day=4)
    with warehouse.connect(home) as connection:
        connection.execute("delete from lake.staging.stg_crm_contacts__contacts where contact_id = 'k1'")
    lake.add("stg_crm_contacts__contacts", {"contact_id": "k1", "user_id": "u1", "email": "ann@example.com", "day": 5})
    lake.resolve()
    assert lake.rows("select count(*) as n from identity.region") == [{"n": 6}], "it looked at more than what changed"
    partial = contents(lake)
    assert (
        groups({"user_id:u1", "crm_id:k1", "email:ann@example.com", "cookie:laptop"}, {"user_id:u3", "cookie:phone"})
        < lake.groups()
    )
    assert lake.profile_of("crm_id:k2") == bystander
    assert resolution.begin(home) is True, "nothing is in doubt"
    assert resolution.begin(home) is False, "a run that did not come to its end leaves doubt"
    lake.resolve(full_refresh=True)
    assert contents(lake) == partial
