"""Braze: addresses that unsubscribed (``/email/unsubscribes``), by whole days. The key needs the
permission ``email.unsubscribe``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from activation.opt_out import OptOut, OptOutPage, OptOutReader, OptOutSession, utc

PAGE = 500  # the most that the tool gives at once


class BrazeOptOuts(OptOutReader):
    """One Braze workspace."""

    def pages(self, session: OptOutSession, since: datetime) -> Iterator[OptOutPage]:
        """The days from that of the time on, the oldest first: what comes meanwhile is at the
        end.
        """
        client = session.http({"authorization": f"Bearer {session.connection['api_key']}"}, None)
        offset = 0
        while True:
            params: dict[str, Any] = {
                "start_date": f"{since:%Y-%m-%d}",
                "end_date": f"{session.started_at + timedelta(days=1):%Y-%m-%d}",
                "limit": PAGE,
                "offset": offset,
                "sort_direction": "asc",
            }
            emails = client.json("GET", "/email/unsubscribes", params=params)["emails"]
            yield OptOutPage(
                [OptOut("email", one["email"], utc(one["unsubscribed_at"])) for one in emails]
            )
            if len(emails) < PAGE:
                return
            offset += PAGE


OPT_OUTS = BrazeOptOuts()
