"""Meta: a Custom Audience. Its columns are Meta's own keys, which the sync's file is checked by."""

from __future__ import annotations

from activation.checks._base import Audience, DestinationCheck
from activation.destination import DestinationSession
from activation.destinations.meta import http

_USABLE = (200, 300, 400, 441, 442)  # of operation_status: normal, or at work


class MetaCheck(DestinationCheck):
    """One Custom Audience. It is made in Ads Manager, where its terms are accepted."""

    setting = "audience_id"
    word = "audience"
    missing_codes = frozenset({"100", "803"})

    def audience(self, session: DestinationSession) -> Audience:
        """The audience, which must take people by their hashes."""
        path = f"/{session.connection['audience_id']}"
        found = http(session).json("GET", path, params={"fields": "name,subtype,operation_status"})
        code = (found.get("operation_status") or {}).get("code", 200)
        fault = "" if code in _USABLE else f"Meta gives it the status {int(code)}"
        if found.get("subtype", "CUSTOM") != "CUSTOM":
            fault = "it is no customer list"
        return Audience(str(found["name"]), fault)


CHECK = MetaCheck()
