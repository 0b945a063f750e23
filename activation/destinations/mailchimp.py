"""Mailchimp: members of one audience and one static segment of it.

A member is written with ``status_if_new`` alone (option of that name: transactional, pending or
subscribed; default transactional), so the status of a member who is there, an opt-out above all, is
never changed. Columns go to merge fields of their names in upper case. Removing takes people out of
the segment and leaves them in the audience. A column's name is a tag of at most 10 characters. Each
member is one request: batch operations are not used. With mode ``update`` no member is created.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from activation import mailchimp_members, refusals
from activation.client import Client, Rate, RequestRefused
from activation.destination import Destination, DestinationSession, PlaceNames, given
from activation.hashing import mailchimp_key
from activation.model import Batch, Result, Row, RowOutcome, Status, all_sent
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

ALIKE = 8  # so many refusals alike, and none else, are not the people's
STATUSES = ("transactional", "pending", "subscribed")


class Mailchimp(Destination):
    """One static segment of a Mailchimp audience."""

    settings = ("url", "api_key", "list_id", "segment_id")
    place = PlaceNames(("url", "list_id", "segment_id"), ("url", "api_key"))
    purposes = ("marketing",)
    channels = ("email",)
    options = ("status_if_new",)
    batch_rows = 500
    rate = Rate(10, 1.0)  # ten connections at once; an answer takes about a second
    cost_unit = "contacts"
    updates_only = True

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """A member is one request; the segment is one more."""
        return 1 if is_removal else rows + 1

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Write each member, then put those that were taken into the segment."""
        outcomes: list[RowOutcome] = []
        for row in batch.rows:
            outcomes.append(_member(session, row))
            if len(outcomes) == ALIKE and len({(o.status, o.reason) for o in outcomes}) == 1:
                _stop_if_refused(outcomes[0])
        taken = [outcome.row.identity for outcome in outcomes if outcome.status is Status.sent]
        refused = _change_segment(session, "members_to_add", taken) if taken else set()
        return [
            (
                RowOutcome(o.row, Status.retry, "not put into the segment")
                if o.row.identity.lower() in refused
                else o
            )
            for o in outcomes
        ]

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take the members out of the segment."""
        _change_segment(session, "members_to_remove", [row.identity for row in batch.rows])
        return all_sent(batch.rows)

    def read_back(self, session: DestinationSession) -> Iterator[str]:
        """Addresses of the segment's members."""
        start = 0
        while True:
            params = {"count": 1000, "offset": start, "fields": "members.email_address"}
            members = (
                http(session)
                .json("GET", f"{_segment(session)}/members", params=params)
                .get("members", [])
            )
            yield from (member["email_address"].lower() for member in members)
            start += len(members)
            if len(members) < 1000:
                return

    def check_addition(self, sync: SyncConfig) -> None:
        """Check that each column can be the tag of a merge field."""
        mailchimp_members.check_tags(sync)

    def check(self, sync: SyncConfig) -> None:
        """Check that status_if_new does not change existing members, and that the key is the
        address.
        """
        super().check(sync)
        status = sync.options.get("status_if_new", STATUSES[0])
        if status not in STATUSES or sync.address_column != sync.key or sync.address != "email":
            raise ConfigError(
                f"{sync.path}: status_if_new is '{status}' and the key is '{sync.key}'",
                allowed=(
                    f"status_if_new of {', '.join(STATUSES)}; as key the column with the e-mail"
                    " address"
                ),
                remedy="correct options/status_if_new or key",
            )


def _member(session: DestinationSession, row: Row) -> RowOutcome:
    values = given(row, session.sync)
    fields = {
        name.upper(): "" if value is None else value
        for name, value in values.items()
        if name != session.sync.key
    }
    body: dict[str, Any] = {
        "email_address": row.identity,
        "status_if_new": session.option("status_if_new", STATUSES[0]),
        "merge_fields": fields,
    }
    path = f"/lists/{session.connection['list_id']}/members/{mailchimp_key(row.identity)}"
    try:
        if session.sync.mode == "update":
            http(session).call("PATCH", path, json={"merge_fields": fields})
        else:
            http(session).call("PUT", path, json=body)
    except RequestRefused as refusal:
        is_absent = refusal.status == 404 and session.sync.mode == "update"
        if refusal.status not in (400, 405, 414) and not is_absent:
            raise
        return mailchimp_members.refused(row, refusal)
    return RowOutcome(row, Status.sent)


def _stop_if_refused(outcome: RowOutcome) -> None:
    """The first members of a batch were all answered alike: if refused, the request is wrong."""
    if outcome.status is Status.rejected and outcome.reason != mailchimp_members.LEFT:
        raise refusals.stop(outcome.reason, "the audience's required fields and the options")


def _segment(session: DestinationSession) -> str:
    return f"/lists/{session.connection['list_id']}/segments/{session.connection['segment_id']}"


def _change_segment(session: DestinationSession, change: str, emails: list[str]) -> set[str]:
    with refusals.of_no_person():
        answer = http(session).json("POST", _segment(session), json={change: emails})
    return {
        email.lower()
        for error in answer.get("errors", [])
        for email in error.get("email_addresses", [])
    }


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.http(
        {"authorization": f"Bearer {session.connection['api_key']}"}, DESTINATION.rate
    )


DESTINATION = Mailchimp()
