"""Adobe Target: profile attributes by third-party id, in bulk, with one attribute for being in
the audience.

``attribute`` names it (default ``in_<sync>``). Target keeps the newest batch of a profile alone
until its next visit, so every mapped attribute goes with each row. Addresses are not sent as they
are: Target is no place for them. The answer is a batch id; Target reports single rows within
a day and loses about one in a thousand, by its own account.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from activation import values
from activation.client import Client, Rate, RequestRefused
from activation.destination import Destination, DestinationSession, PlaceNames
from activation.model import Batch, Result, all_sent
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

DIRECT = {"email", "phone", "first_name", "last_name"}


class AdobeTarget(Destination):
    """One Target client."""

    settings = ("url", "client")
    place = PlaceNames(("url", "client"), ("url", "client"), {"attribute": "in_{sync}"})
    forms = values.AS_TEXT
    purposes = ("marketing", "personalization")
    channels = ("email", "sms", "push", "any")
    optional_settings = ("token",)
    options = ("attribute",)
    batch_rows = 50_000  # of 500,000
    batch_bytes = 40_000_000  # of 50 MB
    rate = Rate(1, 1.0)
    cost_unit = "profile updates"

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Write every attribute, and that the person is in the audience."""
        names = [column.name for column in session.sync.columns if column.name != session.sync.key]
        rows = [[row.identity, "true", *(row.values[name] for name in names)] for row in batch.rows]
        return _deliver(session, batch, [_attribute(session), *names], rows)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Write that the person is not in the audience."""
        return _deliver(
            session, batch, [_attribute(session)], [[row.identity, "false"] for row in batch.rows]
        )

    def check(self, sync: SyncConfig) -> None:
        """Refuse columns that name a person directly."""
        super().check(sync)
        direct = [column.name for column in sync.columns if set(column.needs) & DIRECT]
        if direct:
            raise ConfigError(
                f"{sync.path}: columns/{direct[0]} names the person to Target",
                allowed="an id as the key, and attributes that name nobody",
                remedy="remove the column, or use profile_id or user_id",
            )


def _attribute(session: DestinationSession) -> str:
    return str(session.option("attribute", f"in_{session.sync.name}"))


def _deliver(
    session: DestinationSession, batch: Batch, names: list[str], rows: list[list[Any]]
) -> Result:
    lines = [
        f"batch=thirdPartyId,{','.join(names)}",
        *(",".join(_text(value) for value in row) for row in rows),
    ]
    kind = {"content-type": "text/plain; charset=utf-8"}
    path = f"/m2/{quote(session.connection['client'], safe='')}/v2/profile/batchUpdate"
    content = ("\n".join(lines) + "\n").encode()
    if (
        not http(session)
        .json("POST", path, content=content, headers_of=lambda: kind)
        .get("success")
    ):
        raise RequestRefused(400)
    return all_sent(batch.rows)


def _text(value: Any) -> str:
    return quote(values.for_text(value), safe="")


def http(session: DestinationSession) -> Client:
    """The session's client."""
    token = session.connection.get("token")
    return session.http({"authorization": f"Bearer {token}"} if token else {}, DESTINATION.rate)


DESTINATION = AdobeTarget()
