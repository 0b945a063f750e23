"""SendGrid: global unsubscribes and reports of spam, by their time. An unsubscription from one
suppression group refuses that group alone and is not read; bounces are no decision of a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from activation.client import Rate
from activation.opt_out import OptOut, OptOutPage, OptOutReader, OptOutSession, utc

PATHS = ("/v3/suppression/unsubscribes", "/v3/suppression/spam_reports")
PAGE = 500  # the most that the tool gives at once


class SendgridOptOuts(OptOutReader):
    """One SendGrid account."""

    rate = Rate(10, 1.0)

    def pages(self, session: OptOutSession, since: datetime) -> Iterator[OptOutPage]:
        """Page by page up to when the pull began."""
        client = session.http(
            {"authorization": f"Bearer {session.connection['api_key']}"}, self.rate
        )
        for path in PATHS:
            offset = 0
            while True:
                params: dict[str, Any] = {
                    "start_time": _seconds(since),
                    "end_time": _seconds(session.started_at),
                    "limit": PAGE,
                    "offset": offset,
                }
                entries = client.json("GET", path, params=params)
                yield OptOutPage(
                    [OptOut("email", one["email"], utc(one["created"])) for one in entries]
                )
                if len(entries) < PAGE:
                    break
                offset += PAGE


def _seconds(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


OPT_OUTS = SendgridOptOuts()
