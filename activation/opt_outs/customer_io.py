"""Customer.io: people whose attribute ``unsubscribed`` is true, by the App API (``url``
https://api.customer.io, a key of its own). The tool states no time: all are read each time, and
those who were not there before count from now on.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from activation.client import Rate
from activation.opt_out import OptOut, OptOutPage, OptOutReader, OptOutSession

PAGE = 1_000  # the most that the tool gives at once
FILTER = {"attribute": {"field": "unsubscribed", "operator": "eq", "value": "true"}}


class CustomerIoOptOuts(OptOutReader):
    """One Customer.io workspace."""

    rate = Rate(10, 1.0)
    is_whole = True

    def pages(self, session: OptOutSession, since: datetime) -> Iterator[OptOutPage]:
        """Go on from the mark of each page."""
        client = session.http(
            {"authorization": f"Bearer {session.connection['api_key']}"}, self.rate
        )
        mark = ""
        while True:
            params: dict[str, Any] = {"limit": PAGE, **({"start": mark} if mark else {})}
            answer = client.json("POST", "/v1/customers", params=params, json={"filter": FILTER})
            yield _page(answer["identifiers"])
            mark = answer.get("next") or ""
            if not mark:
                return


def _page(people: list[dict[str, Any]]) -> OptOutPage:
    found = [
        OptOut("email", one["email"], None) if one.get("email") else OptOut("user_id", one["id"],
        None)
        for one in people
        if one.get("email") or one.get("id")
    ]  # fmt: skip
    return OptOutPage(found, len(people) - len(found))


OPT_OUTS = CustomerIoOptOuts()
