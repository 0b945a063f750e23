"""Membership of a Salesforce campaign: one record per person, which a second creation does not
double.
"""

from __future__ import annotations

from typing import Any

from activation.client import Client
from activation.destination import DestinationSession

API = "/services/data/v62.0"
PAGE = 200  # records of one collection call


def join(client: Client, session: DestinationSession, ids: list[str]) -> set[str]:
    """Put people into the campaign by their record ids; gives those that could not be."""
    field = f"{session.option('object', 'Contact')}Id"
    shared = {
        "attributes": {"type": "CampaignMember"},
        "CampaignId": session.connection["campaign_id"],
    }
    lost: set[str] = set()
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        body = {"allOrNone": False, "records": [{**shared, field: person} for person in page]}
        answers = client.json("POST", f"{API}/composite/sobjects", json=body)
        there = {
            p
            for p, a in zip(page, answers, strict=False)
            if a["success"] or _code(a) == "DUPLICATE_VALUE"
        }
        lost |= set(page) - there
    return lost


def take_out(client: Client, session: DestinationSession, identities: list[str]) -> bool:
    """Take people out of the campaign by their external ids; whether all of them are out."""
    for start in range(
        0, len(identities), PAGE // 2
    ):  # the query is part of the address, whose length is limited
        members = _members(client, session, identities[start : start + PAGE // 2])
        if members:
            params = {"ids": ",".join(members), "allOrNone": "false"}
            answers = client.json("DELETE", f"{API}/composite/sobjects", params=params)
            if any(
                not answer["success"] and _code(answer) != "ENTITY_IS_DELETED" for answer in answers
            ):
                return False
    return True


def _members(client: Client, session: DestinationSession, identities: list[str]) -> list[str]:
    kind = session.option("object", "Contact")
    field = session.option("external_id")
    campaign = session.connection["campaign_id"].replace("'", "")
    query = (
        f"SELECT Id FROM CampaignMember WHERE CampaignId = '{campaign}' AND {kind}.{field} IN"
        f" ({_quoted(identities)})"
    )
    return [
        str(found["Id"])
        for found in client.json("GET", f"{API}/query", params={"q": query})["records"]
    ]


def people(client: Client, session: DestinationSession, identities: list[str]) -> dict[str, str]:
    """Record ids of people, with their external ids. At most 100 at a time fit into a query."""
    if not identities:
        return {}
    kind = session.option("object", "Contact")
    field = session.option("external_id")
    query = f"SELECT Id, {field} FROM {kind} WHERE {field} IN ({_quoted(identities)})"
    found = client.json("GET", f"{API}/query", params={"q": query})["records"]
    return {str(one["Id"]): str(one.get(field) or "") for one in found}


def delete(client: Client, ids: list[str]) -> set[str]:
    """Delete records; returns those that were not."""
    kept: set[str] = set()
    for start in range(0, len(ids), PAGE):
        page = ids[start : start + PAGE]
        params = {"ids": ",".join(page), "allOrNone": "false"}
        answers = client.json("DELETE", f"{API}/composite/sobjects", params=params)
        kept |= {
            record
            for record, answer in zip(page, answers, strict=False)
            if not answer["success"] and _code(answer) != "ENTITY_IS_DELETED"
        }
    return kept


def _quoted(identities: list[str]) -> str:
    return ", ".join("'" + i.replace("\\", "\\\\").replace("'", "\\'") + "'" for i in identities)


def _code(answer: dict[str, Any]) -> str:
    return str(answer["errors"][0]["statusCode"]) if answer.get("errors") else ""
