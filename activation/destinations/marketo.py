"""Marketo: people and one static list.

Marketo answers every request with status 200: throttles, stale tokens and refusals are in the
body. The key column is the lookup field. With mode ``update`` nobody is created. Unsubscriptions
are never written. A person who is not put on the list is tried again; a removal by an id that
Marketo does not know any more looks the person up by the key.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import httpx

from activation.client import Client, Rate, RequestRefused, decoded
from activation.destination import Destination, DestinationSession, PlaceNames, given
from activation.model import Batch, Result, Row, RowOutcome, Status, all_sent
from activation.redact import clean
from activation.tokens.flows import CLIENT_CREDENTIALS, SignIn
from segmentry.errors import DestinationError

LEADS = "/rest/v1/leads.json"
LONGEST_QUERY = 7_000  # of 8 KB of an address, the rest of which is short
THROTTLES = {
    "606": 20.0,
    "607": 3600.0,
    "615": 2.0,
    **dict.fromkeys(("502", "604", "608", "611", "614", "713"), 5.0),
}
STALE = {"600", "601", "602"}
# What one person of the batch may cause; a field that does not exist (1006) is nobody's fault.
ROW_CODES = {"1003", "1004", "1005", "1007"}
SIGN_IN = SignIn((CLIENT_CREDENTIALS,), "{url}/identity/oauth/token")


class Marketo(Destination):
    """One static list."""

    settings = ("url", "client_id", "client_secret", "list_id")
    sign_in = SIGN_IN
    place = PlaceNames(("url", "list_id"), ("url",))
    purposes = ("marketing",)
    channels = ("email", "sms", "push", "any")
    batch_rows = 300
    batch_bytes = 900_000  # of 1 MB
    rate = Rate(90, 20.0)  # of 100 in 20 seconds
    cost_unit = "people"
    updates_only = True

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """The people, then the list; a removal has their ids."""
        return 1 if is_removal else 2

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Write the people, then put those that were taken on the list."""
        body = {
            "action": "updateOnly" if session.sync.mode == "update" else "createOrUpdate",
            "lookupField": session.sync.key,
            "input": [given(row, session.sync) for row in batch.rows],
        }
        results = answer_of(session, "POST", LEADS, json=body)
        outcomes = [_outcome(row, result) for row, result in zip(batch.rows, results, strict=False)]
        added = [outcome.destination_id for outcome in outcomes if outcome.destination_id]
        skipped = _change_list(session, "POST", added) if added else {}
        return [
            RowOutcome(o.row, Status.retry, f"not put on the list: {skipped[o.destination_id]}")
            if o.destination_id in skipped
            else o
            for o in outcomes
        ]

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take the people off the list."""
        known = [row.destination_id for row in batch.rows if row.destination_id]
        known += ids_of(session, [row.identity for row in batch.rows if not row.destination_id])
        skipped = _change_list(session, "DELETE", known) if known else {}
        # A person who was merged into another one has that one's id, and is on the list by it.
        stale = [row.identity for row in batch.rows if row.destination_id in skipped]
        if present := sorted(set(ids_of(session, stale)) - set(known)):
            _change_list(session, "DELETE", present)
        return all_sent(batch.rows)

    def invalid(self, row: Row) -> str:
        """An address must be ASCII."""
        return super().invalid(row) if row.identity.isascii() else "the key is not ASCII"


def answer_of(
    session: DestinationSession, method: str, path: str, **parts: Any
) -> list[dict[str, Any]]:
    """The results of an answer; RequestRefused where people may be at fault, else an error."""
    answer = http(session).json(method, path, **parts)
    if answer["success"]:
        return list(answer.get("result", []))
    code = str(answer["errors"][0]["code"])
    if code in ROW_CODES:
        raise RequestRefused(400, {"errors": answer["errors"]})
    raise DestinationError(
        f"Marketo refused a request with code {clean(code)}",
        allowed="a request that the API user may make",
        remedy=(
            "look the code up in Marketo's documentation; check the API user's rights and the list"
        ),
    )


def _outcome(row: Row, result: dict[str, Any]) -> RowOutcome:
    if result["status"] in ("created", "updated"):
        return RowOutcome(row, Status.sent, "", str(result["id"]))
    reasons = result.get("reasons") or [{}]
    return RowOutcome(row, Status.rejected, clean(f"code {reasons[0].get('code', 'unknown')}"))


def _change_list(session: DestinationSession, method: str, ids: list[str]) -> dict[str, str]:
    """Ids that were skipped for a reason, with its code; who is there, or not, already has none."""
    path = f"/rest/v1/lists/{session.connection['list_id']}/leads.json"
    # The specification asks for the body as well, the documentation for the ids in the address.
    people = {"input": [{"id": int(lead)} for lead in ids]}
    results = answer_of(session, method, path, params=[("id", lead) for lead in ids], json=people)
    return {
        str(result["id"]): clean(f"code {result['reasons'][0].get('code', 'unknown')}")
        for result in results
        if result.get("status") == "skipped" and result.get("reasons")
    }


def ids_of(session: DestinationSession, keys: list[str]) -> list[str]:
    """Ids of the people with these keys."""
    if not keys:
        return []
    asked = {"filterType": session.sync.key, "filterValues": ",".join(keys), "fields": "id"}
    if len(urlencode(asked)) > LONGEST_QUERY:
        found = answer_of(session, "POST", LEADS, params={"_method": "GET"}, data=asked)
    else:
        found = answer_of(session, "GET", LEADS, params=asked)
    return [str(lead["id"]) for lead in found]


def _code(response: httpx.Response) -> str:
    content = decoded(response)
    errors = content.get("errors") if isinstance(content, dict) else None
    return str(errors[0].get("code", "")) if errors else ""


def http(session: DestinationSession) -> Client:
    """The session's client, with a token."""
    parts: dict[str, Any] = {
        "throttled": lambda response: THROTTLES.get(_code(response)),
        "is_stale": lambda response: _code(response) in STALE,
    }
    return session.signed_http(SIGN_IN, DESTINATION.rate, **parts)


DESTINATION = Marketo()
