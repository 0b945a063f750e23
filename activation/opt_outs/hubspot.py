"""HubSpot: contacts that opted out of all e-mail (``hs_email_optout``), by the search of contacts.

HubSpot does not state when a contact opted out there: the time of its last change counts. The token
needs the right to read contacts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from activation.client import Rate
from activation.opt_out import OptOut, OptOutPage, OptOutReader, OptOutSession, utc

CHANGED_AT = "lastmodifieddate"
OPTED_OUT = "hs_email_optout"
PAGE = 100
MOST = 10_000  # a search gives no more than that


class HubspotOptOuts(OptOutReader):
    """One HubSpot account."""

    settings = ("url", "token")
    rate = Rate(4, 1.0)

    def pages(self, session: OptOutSession, since: datetime) -> Iterator[OptOutPage]:
        """Page by page; a new search begins at the last time where one gives no more."""
        client = session.http({"authorization": f"Bearer {session.connection['token']}"}, self.rate)
        after: str | None = None
        while True:
            body = _search(since, after)
            answer = client.json("POST", "/crm/v3/objects/contacts/search", json=body)
            results = answer["results"]
            yield _page(results)
            after = ((answer.get("paging") or {}).get("next") or {}).get("after")
            if after is None or not results:
                return
            last = utc(results[-1]["properties"][CHANGED_AT])
            if int(after) + PAGE > MOST and last > since:
                since = last
                after = None


def _search(since: datetime, after: str | None) -> dict[str, Any]:
    milliseconds = int(since.replace(tzinfo=UTC).timestamp() * 1000)
    filters = [
        {"propertyName": OPTED_OUT, "operator": "EQ", "value": "true"},
        {"propertyName": CHANGED_AT, "operator": "GTE", "value": str(milliseconds)},
    ]
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": CHANGED_AT, "direction": "ASCENDING"}],
        "properties": ["email", OPTED_OUT, CHANGED_AT],
        "limit": PAGE,
        **({"after": after} if after is not None else {}),
    }


def _page(results: list[dict[str, Any]]) -> OptOutPage:
    properties = [one["properties"] for one in results]
    left = [one for one in properties if one.get(OPTED_OUT) == "true" and one.get("email")]
    found = [OptOut("email", one["email"], utc(one[CHANGED_AT])) for one in left]
    return OptOutPage(found, len(properties) - len(left))


OPT_OUTS = HubspotOptOuts()
