"""Mailchimp: members of one audience whose status is ``unsubscribed``, by the time of their last
change. A cleaned address bounced, and an archived one was removed: neither is a decision of a
person.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from activation.opt_out import OptOut, OptOutPage, OptOutReader, OptOutSession, stamp, utc

PAGE = 1_000  # the most that the tool gives at once


class MailchimpOptOuts(OptOutReader):
    """One Mailchimp audience."""

    settings = ("url", "api_key", "list_id")

    def pages(self, session: OptOutSession, since: datetime) -> Iterator[OptOutPage]:
        """Go on from the last time of each page: an offset would skip a member if an earlier one
        changed meanwhile.
        """
        client = session.http({"authorization": f"Bearer {session.connection['api_key']}"}, None)
        offset = 0
        while True:
            params: dict[str, Any] = {
                "status": "unsubscribed",
                # Of the second before, because the tool leaves out the time itself.
                "since_last_changed": stamp(since - timedelta(seconds=1)),
                "sort_field": "last_changed",
                "sort_dir": "ASC",
                "count": PAGE,
                "offset": offset,
                "fields": "members.email_address,members.status,members.last_changed",
            }
            path = f"/lists/{session.connection['list_id']}/members"
            members = client.json("GET", path, params=params)["members"]
            yield _page(members)
            if len(members) < PAGE:
                return
            last = utc(members[-1]["last_changed"])
            offset = offset + PAGE if last <= since else 0
            since = max(last, since)


def _page(members: list[dict[str, Any]]) -> OptOutPage:
    left = [one for one in members if one["status"] == "unsubscribed"]
    found = [OptOut("email", one["email_address"], utc(one["last_changed"])) for one in left]
    return OptOutPage(found, len(members) - len(left))


OPT_OUTS = MailchimpOptOuts()
