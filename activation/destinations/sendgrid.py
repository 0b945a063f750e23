"""SendGrid Marketing: contacts and one list.

``custom_fields`` maps columns to the ids of custom fields, which must exist; every other column
must be a field SendGrid reserves. Suppression groups and global unsubscribes are never written. A
request is refused as a whole for one bad address, and a job reports numbers alone: in both
cases the batch is halved until the guilty row is alone.
"""

from __future__ import annotations

from typing import Any

from activation.client import Client, Rate, RequestRefused
from activation.destination import Destination, DestinationSession, PlaceNames, given
from activation.model import Batch, Pending, Result, all_sent
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

CONTACTS = "/v3/marketing/contacts"
FIELDS = {
    "email", "phone_number_id", "external_id", "anonymous_id", "first_name", "last_name",
    "address_line_1",
    "address_line_2", "city", "state_province_region", "postal_code", "country", "phone_number",
}  # fmt: skip
PAGE = 100  # addresses of one search, and contacts of one removal


class SendGrid(Destination):
    """One SendGrid list."""

    settings = ("url", "api_key", "list_id")
    place = PlaceNames(("url", "list_id"), ("url", "api_key"))
    request_errors = frozenset({"list_ids"})
    purposes = ("marketing",)
    channels = ("email",)
    options = ("custom_fields",)
    batch_rows = 1_000  # of 30,000: a smaller batch is halved sooner
    batch_bytes = 5_000_000  # of 6 MB
    rate = Rate(3, 1.0)
    job_seconds = 60.0
    cost_unit = "contacts"

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """A job and a look at it; a removal looks up the contacts of each page first."""
        return -(-rows // PAGE) * 2 if is_removal else 2

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Upsert the contacts onto the list, by a job."""
        contacts = [_contact(session, given(row, session.sync)) for row in batch.rows]
        body = {"list_ids": [session.connection["list_id"]], "contacts": contacts}
        return Pending(http(session).json("PUT", CONTACTS, json=body)["job_id"])

    def poll(self, session: DestinationSession, batch: Batch, job_id: str) -> Result:
        """Every row is sent if the job has no error; else the batch is halved."""
        job = http(session).json("GET", f"{CONTACTS}/imports/{job_id}")
        if job["status"] == "pending":
            return Pending(job_id)
        if job["status"] != "completed" or job.get("results", {}).get("errored_count"):
            raise RequestRefused(400, counts_rows=True)
        return all_sent(batch.rows)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take the contacts off the list."""
        emails = [row.identity for row in batch.rows]
        for start in range(0, len(emails), PAGE):
            ids = list(contacts_of(session, emails[start : start + PAGE]).values())
            if ids:
                path = f"/v3/marketing/lists/{session.connection['list_id']}/contacts"
                http(session).call("DELETE", path, params={"contact_ids": ",".join(ids)})
        return all_sent(batch.rows)

    def check(self, sync: SyncConfig) -> None:
        """Check that each column is a reserved or custom field, and that the key is the address."""
        super().check(sync)
        known = FIELDS | set(sync.options.get("custom_fields", {}))
        unknown = [column.name for column in sync.columns if column.name not in known]
        if unknown or sync.key != "email":
            raise ConfigError(
                (
                    f"{sync.path}: columns/{unknown[0]} is no field"
                    if unknown
                    else f"{sync.path}: the key is '{sync.key}'"
                ),
                allowed=(
                    f"{', '.join(sorted(FIELDS))}, those of options/custom_fields; as key email"
                ),
                remedy=(
                    "rename the column, or give the id of its custom field in options/custom_fields"
                ),
            )


def _contact(session: DestinationSession, values: dict[str, Any]) -> dict[str, Any]:
    custom = session.option("custom_fields", {})
    # An empty text clears a reserved field, which the specification does not let be null.
    contact = {
        name: "" if value is None else value for name, value in values.items() if name not in custom
    }
    fields = {custom[name]: value for name, value in values.items() if name in custom}
    return {**contact, **({"custom_fields": fields} if fields else {})}


def contacts_of(session: DestinationSession, emails: list[str]) -> dict[str, str]:
    """Ids of the contacts with these addresses, by address."""
    try:
        found = http(session).json("POST", f"{CONTACTS}/search/emails", json={"emails": emails})
    except RequestRefused as refusal:
        if refusal.status == 404:  # none of the addresses is known
            return {}
        raise
    results = found.get("result", {})
    return {email: one["contact"]["id"] for email, one in results.items() if "contact" in one}


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.http(
        {"authorization": f"Bearer {session.connection['api_key']}"}, DESTINATION.rate
    )


DESTINATION = SendGrid()
