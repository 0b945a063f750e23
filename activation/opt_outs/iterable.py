"""Iterable: events of unsubscribing and of complaints, by the export of JSON lines. The key must be
one of the server; of a project by user ids the user id counts where there is no address.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from activation.client import Rate
from activation.opt_out import OptOut, OptOutPage, OptOutReader, OptOutSession, utc

EVENTS = ("emailUnSubscribe", "emailComplaint")


class IterableOptOuts(OptOutReader):
    """One Iterable project."""

    rate = Rate(4, 60.0)

    def pages(self, session: OptOutSession, since: datetime) -> Iterator[OptOutPage]:
        """One export for each kind of event."""
        client = session.http({"api-key": session.connection["api_key"]}, self.rate)
        for kind in EVENTS:
            params = {
                "dataTypeName": kind,
                "startDateTime": f"{since:%Y-%m-%d %H:%M:%S}",
                "endDateTime": f"{session.started_at:%Y-%m-%d %H:%M:%S}",
            }
            text = client.call("GET", "/api/export/data.json", params=params).text
            yield OptOutPage([_opt_out(line) for line in text.split("\n") if line.strip()])


def _opt_out(line: str) -> OptOut:
    event = json.loads(line)
    at = utc(event["createdAt"])
    if event.get("email"):
        return OptOut("email", event["email"], at)
    return OptOut("user_id", event["userId"], at)


OPT_OUTS = IterableOptOuts()
