"""The contacts of a HubSpot list: put on it, taken off it, and looked up.
The destination ``hubspot`` changes its list by it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from activation import refusals
from activation.client import Client
from activation.destination import DestinationSession
from activation.model import Row

CONTACTS = "/crm/v3/objects/contacts/batch"


def change(
    client: Client,
    session: DestinationSession,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
) -> set[str]:
    """Put contacts on the list and take others off it. Returns the record ids that HubSpot counts
    as missing: those it does not know, and those who are on the list, or not, already.
    """
    body = {"recordIdsToAdd": list(add), "recordIdsToRemove": list(remove)}
    path = f"/crm/v3/lists/{session.connection['list_id']}/memberships/add-and-remove"
    with refusals.of_no_person():  # a list that HubSpot fills itself takes nobody
        answer = client.json("PUT", path, json=body)
    return {str(record) for record in answer.get("recordIdsMissing") or []}


def existing(client: Client, ids: Collection[str]) -> set[str]:
    """Those of the record ids that name a contact."""
    inputs = [{"id": record} for record in sorted(ids)]
    body = {"inputs": inputs, "properties": [], "propertiesWithHistory": []}
    found = client.json("POST", f"{CONTACTS}/read", json=body).get("results", [])
    return {str(contact["id"]) for contact in found}


def record_ids(client: Client, session: DestinationSession, rows: Sequence[Row]) -> list[str]:
    """The record ids of the contacts of these rows that HubSpot knows, by the key."""
    body = {
        "inputs": [{"id": row.identity} for row in rows],
        "idProperty": session.option("id_property", session.sync.key),
        "properties": [],
        "propertiesWithHistory": [],
    }
    return [
        str(found["id"])
        for found in client.json("POST", f"{CONTACTS}/read", json=body).get("results", [])
    ]
