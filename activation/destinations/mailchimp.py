"""Mailchimp: members of one audience and one static segment of it.

A member is written with ``status_if_new`` alone (option of that name: transactional, pending or
subscribed; default transactional), so the status of a member who is there, an opt-out above all, is
never changed. Columns go to merge fields of their names in upper case; a date under ``birthday``
is sent as MM/DD. Removing takes people out of the segment and leaves them in the audience. A
column's name is a tag of at most 10 characters. More than ten members are written by one batch of
operations, and put into the segment when it has finished; a run that was killed meanwhile asks for
the batch. With mode ``update`` no member is created.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from activation import mailchimp_batches, mailchimp_members, refusals
from activation.client import Client, Rate, RequestRefused
from activation.destination import Destination, DestinationSession, PlaceNames
from activation.mailchimp_members import STATUSES
from activation.model import Batch, Pending, Result, Row, RowOutcome, all_sent
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig


class Mailchimp(Destination):
    """One static segment of a Mailchimp audience."""

    settings = ("url", "api_key", "list_id", "segment_id")
    place = PlaceNames(("url", "list_id", "segment_id"), ("url", "api_key"))
    purposes = ("marketing",)
    channels = ("email",)
    options = ("status_if_new",)
    batch_rows = 500
    rate = Rate(10, 1.0)  # ten connections at once; an answer takes about a second
    job_seconds = 60.0
    cost_unit = "contacts"
    updates_only = True

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """A batch and a look at it, or each member; the segment is one more."""
        if is_removal:
            return 1
        return (2 if rows > mailchimp_batches.DIRECT_ROWS else rows) + 1

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Write the members, then put those that were taken into the segment."""
        client = http(session)
        if len(batch.rows) > mailchimp_batches.DIRECT_ROWS:
            operations = [mailchimp_members.operation(session, row) for row in batch.rows]
            return Pending(mailchimp_batches.begin(client, operations))
        ends: list[RequestRefused | None] = []
        for row in batch.rows:
            method, path, body = mailchimp_members.operation(session, row)
            try:
                client.call(method, path, json=body)
                ends.append(None)
            except RequestRefused as refusal:
                if not mailchimp_members.is_of_a_row(refusal, session.sync):
                    raise
                ends.append(refusal)
            mailchimp_members.stop_if_alike(ends)
        return _put_into_segment(session, batch.rows, ends)

    def poll(self, session: DestinationSession, batch: Batch, job_id: str) -> Result:
        """The members that the batch wrote are put into the segment when it has finished."""
        ends = mailchimp_batches.ended(session, http(session), job_id, batch.rows)
        if ends is None:
            return Pending(job_id)
        mailchimp_members.refuse_if_alike(ends)
        return _put_into_segment(session, batch.rows, ends)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take the members out of the segment."""
        _change_segment(session, "members_to_remove", [row.identity for row in batch.rows])
        return all_sent(batch.rows)

    def read_back(self, session: DestinationSession) -> Iterator[str]:
        """Addresses of the segment's members."""
        start = 0
        while True:
            params = {"count": 1000, "offset": start, "fields": "members.email_address"}
            page = http(session).json("GET", f"{_segment(session)}/members", params=params)
            members = page.get("members", [])
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


def _put_into_segment(
    session: DestinationSession, rows: Sequence[Row], ends: Sequence[RequestRefused | None]
) -> list[RowOutcome]:
    """The outcomes of members whose writing ended so."""
    taken = [row for row, end in zip(rows, ends, strict=True) if end is None]
    allowed = session.may_be_added(taken)  # a person may have opted out while a batch was at work
    emails = [row.identity for row in allowed]
    refused = _change_segment(session, "members_to_add", emails) if emails else set()
    put = {email for email in emails if email.lower() not in refused}
    return [
        mailchimp_members.outcome(row, end, is_put=row.identity in put)
        for row, end in zip(rows, ends, strict=True)
    ]


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
    headers = {"authorization": f"Bearer {session.connection['api_key']}"}
    return session.http(headers, DESTINATION.rate)


DESTINATION = Mailchimp()
