"""HubSpot: contacts and one manual list, CRM API v3.

Upserts go 100 at a time by a unique property (``id_property``, default the key column), each row
with a trace id: so one bad row does not refuse the others. Subscription preferences and marketing
status are never written. A contact that the list does not take, as it was merged or deleted since,
is sent again by the next run. A removal by a record id that HubSpot does not know any more looks
the contact up by the key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from activation import hubspot_lists, values
from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames, given
from activation.hubspot_lists import CONTACTS
from activation.model import Batch, Result, RowOutcome, Status, all_sent
from activation.redact import clean
from activation.tokens.flows import PASTED, REFRESH_TOKEN, SignIn

REQUEST_ERRORS = frozenset(
    {
        "EXPIRED_AUTHENTICATION", "INVALID_AUTHENTICATION", "MISSING_SCOPES", "BANNED",
        "PROPERTY_DOESNT_EXIST", "OBJECT_NOT_FOUND", "INVALID_LIST_PROCESSING_TYPE",
        "ListError.INVALID_PROCESSING_TYPE",
    }
)  # fmt: skip
SIGN_IN = SignIn((PASTED, REFRESH_TOKEN), "{url}/oauth/v3/token", named_by=("account",))


class HubSpot(Destination):
    """One HubSpot list."""

    settings = ("url", "token", "list_id")
    optional_settings = ("account",)  # its own name, so that a new key is no other account
    sign_in = SIGN_IN
    place = PlaceNames(("url", "token", "list_id"), ("url", "token"), {"id_property": ""})
    request_errors = REQUEST_ERRORS
    forms = values.AS_TEXT
    purposes = ("marketing", "personalization")
    channels = ("email", "sms", "any")
    options = ("id_property",)
    batch_rows = 100
    rate = Rate(100, 10.0)  # the lowest plan: 100 in 10 s
    cost_unit = "contacts"

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """The contacts, then the list; a removal has their ids."""
        return 1 if is_removal else 2

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Upsert the contacts, then put those that were taken on the list."""
        inputs = [
            {
                "id": row.identity,
                "idProperty": session.option("id_property", session.sync.key),
                "objectWriteTraceId": str(place),
                "properties": {
                    name: values.for_text(value) for name, value in given(row, session.sync).items()
                },
            }
            for place, row in enumerate(batch.rows)
        ]
        answer = http(session).json("POST", f"{CONTACTS}/upsert", json={"inputs": inputs})
        outcomes = _outcomes(batch, answer)
        client = http(session)
        added = [outcome.destination_id for outcome in outcomes if outcome.destination_id]
        missing = hubspot_lists.change(client, session, add=added) if added else set()
        # HubSpot counts as missing too who is on the list already.
        lost = missing - hubspot_lists.existing(client, missing) if missing else set()
        return [
            RowOutcome(o.row, Status.retry, "not put on the list: the contact is missing")
            if o.destination_id in lost
            else o
            for o in outcomes
        ]

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take the contacts off the list."""
        client = http(session)
        known = [row.destination_id for row in batch.rows if row.destination_id]
        unknown = [row for row in batch.rows if not row.destination_id]
        known += hubspot_lists.record_ids(client, session, unknown) if unknown else []
        missing = hubspot_lists.change(client, session, remove=known) if known else set()
        # A contact that was merged into another one has that one's id, and is on the list by it.
        stale = [row for row in batch.rows if row.destination_id in missing]
        present = (
            set(hubspot_lists.record_ids(client, session, stale)) - set(known) if stale else set()
        )
        if present:
            hubspot_lists.change(client, session, remove=sorted(present))
        return all_sent(batch.rows)

    def read_back(self, session: DestinationSession) -> Iterator[str]:
        """Keys of the contacts on the list."""
        path = f"/crm/v3/lists/{session.connection['list_id']}/memberships"
        after: str | None = None
        while True:
            page = http(session).json(
                "GET", path, params={"limit": 100, **({"after": after} if after else {})}
            )
            records = [{"id": entry["recordId"]} for entry in page["results"]]
            if records:
                body = {
                    "inputs": records,
                    "properties": [session.sync.key],
                    "propertiesWithHistory": [],
                }
                for contact in http(session).json("POST", f"{CONTACTS}/read", json=body)["results"]:
                    yield str(contact["properties"].get(session.sync.key) or "").lower()
            after = page.get("paging", {}).get("next", {}).get("after")
            if not after:
                return


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.signed_http(SIGN_IN, DESTINATION.rate)


def _outcomes(batch: Batch, answer: Any) -> list[RowOutcome]:
    ids = {
        result.get("objectWriteTraceId"): str(result["id"]) for result in answer.get("results", [])
    }
    errors: dict[str, str] = {}
    for error in answer.get("errors", []):
        for place in (error.get("context") or {}).get("objectWriteTraceId", []):
            errors[str(place)] = clean(
                f"{error.get('category', 'error')}: {error.get('message', '')}"
            )
    outcomes = []
    for place, row in enumerate(batch.rows):
        if str(place) in ids:
            outcomes.append(RowOutcome(row, Status.sent, "", ids[str(place)]))
        elif str(place) in errors:
            outcomes.append(RowOutcome(row, Status.rejected, errors[str(place)]))
        else:
            outcomes.append(RowOutcome(row, Status.retry, "the answer does not name the row"))
    return outcomes


DESTINATION = HubSpot()
