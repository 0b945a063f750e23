"""Klaviyo: profiles whose e-mail marketing is suppressed (Get Profiles, filtered by the time of the
suppression). A suppression for a hard bounce or an invalid address is no decision of a person.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from activation.client import Rate
from activation.opt_out import OptOut, OptOutPage, OptOutReader, OptOutSession, stamp, utc

SUPPRESSED_AT = "subscriptions.email.marketing.suppression.timestamp"
NO_DECISION = {"HARD_BOUNCE", "INVALID_EMAIL"}
PAGE = 100  # the most that the tool gives at once


class KlaviyoOptOuts(OptOutReader):
    """One Klaviyo account."""

    rate = Rate(700, 60.0)

    def pages(self, session: OptOutSession, since: datetime) -> Iterator[OptOutPage]:
        """Follow the links from page to page."""
        client = session.http(
            {
                "authorization": f"Klaviyo-API-Key {session.connection['api_key']}",
                "revision": "2026-07-15",
                "accept": "application/vnd.api+json",
            },
            self.rate,
        )
        params = {
            "filter": f"greater-or-equal({SUPPRESSED_AT},{stamp(since)})",
            "sort": SUPPRESSED_AT,
            "additional-fields[profile]": "subscriptions",
            "page[size]": str(PAGE),
        }
        answer = client.json("GET", "/api/profiles", params=params)
        while True:
            yield _page(answer["data"])
            following = (answer.get("links") or {}).get("next")
            if not following:
                return
            answer = client.json("GET", "/api/" + following.partition("/api/")[2])


def _page(profiles: list[dict[str, Any]]) -> OptOutPage:
    found: list[OptOut] = []
    others = 0
    for profile in profiles:
        attributes = profile["attributes"]
        marketing = attributes["subscriptions"]["email"]["marketing"]
        decisions = [
            one for one in marketing.get("suppression") or () if one["reason"] not in NO_DECISION
        ]
        if decisions and attributes.get("email"):
            at = max(utc(one["timestamp"]) for one in decisions)
            found.append(OptOut("email", attributes["email"], at))
        else:
            others += 1
    return OptOutPage(found, others)


OPT_OUTS = KlaviyoOptOuts()
