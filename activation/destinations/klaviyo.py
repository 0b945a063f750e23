"""Klaviyo: profiles and one list, API revision 2026-07-15.

Adds go by bulk import jobs that upsert and add to the list in one step; removals take profiles off
it. Columns named as Klaviyo's own fields go there (``phone`` to ``phone_number``, those of a place
to ``location``), others to properties. The key is one that Klaviyo matches profiles by: ``email``,
``phone_number`` or ``phone``, ``external_id``. The sync never changes subscriptions: an import
leaves consent alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from activation.addresses import is_phone
from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames, by_index, given
from activation.klaviyo_profile import attributes, check_key, failed_row, field
from activation.model import Batch, Operation, Pending, Result, Row, RowOutcome, Status, all_sent
from segmentry.sync_config import SyncConfig

REQUEST_ERRORS = frozenset(
    {
        "authentication_failed", "not_authenticated", "permission_denied", "not_found",
        "method_not_allowed", "unsupported_revision", "invalid_revision",
    }
)  # fmt: skip
JOBS = "/api/profile-bulk-import-jobs"
PAGE = 100  # profiles of one page, and addresses of one filter


class Klaviyo(Destination):
    """One list."""

    settings = ("url", "api_key", "list_id")
    place = PlaceNames(("url", "list_id"), ("url", "api_key"))
    request_errors = REQUEST_ERRORS
    purposes = ("marketing",)
    channels = ("email", "sms", "push", "any")
    batch_rows = 1_000  # of the 10,000 a job may have: a list relationship takes 1,000 at once
    batch_bytes = 4_500_000  # of 5 MB
    rate = Rate(140, 60.0)  # of 150 a minute for jobs and list changes
    job_seconds = 60.0
    bulk_keeps_nulls = True
    cost_unit = "active profiles"

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """A job and a look at it; a removal looks up the profiles first."""
        return -(-rows // PAGE) + 1 if is_removal else 2

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Upsert the profiles and put them on the list, by one job."""
        for row in batch.rows:
            was_there = row.operation is Operation.update or row.has_been_there
            if was_there and None in given(row, session.sync).values():
                # The bulk import ignores a null; the single import clears with it.
                http(session).call(
                    "POST",
                    "/api/profile-import",
                    json={"data": _profile(session, row, clears=True)},
                )
        attributes = {"profiles": {"data": [_profile(session, row) for row in batch.rows]}}
        lists = {"lists": {"data": [{"type": "list", "id": session.connection["list_id"]}]}}
        job = {"type": "profile-bulk-import-job", "attributes": attributes, "relationships": lists}
        return Pending(http(session).json("POST", JOBS, json={"data": job})["data"]["id"])

    def poll(self, session: DestinationSession, batch: Batch, job_id: str) -> Result:
        """The job's failed rows, by their place or else by their address."""
        job = http(session).json("GET", f"{JOBS}/{job_id}")["data"]["attributes"]
        if job["status"] in ("queued", "processing"):
            return Pending(job_id)
        if job["status"] == "cancelled":
            return [RowOutcome(row, Status.retry, "the job was cancelled") for row in batch.rows]
        errors = (
            _pages(session, f"{JOBS}/{job_id}/import-errors?page[size]={PAGE}")
            if job.get("failed_count")
            else []
        )
        reasons = dict(
            found for error in errors if (found := failed_row(batch.rows, error)) is not None
        )
        unnamed = (job.get("failed_count") or 0) - len(reasons)
        if unnamed > 0 or (job.get("completed_count") or 0) + len(reasons) < len(batch.rows):
            # Numbers that leave rows open: none of the batch can be taken for sent.
            reason = "the job does not account for every row"
            return [RowOutcome(row, Status.retry, reason) for row in batch.rows]
        return by_index(batch, reasons)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take the profiles off the list; their consent and everything else stays."""
        found = ids_of(session, [row.identity for row in batch.rows])
        if data := [{"type": "profile", "id": profile_id} for profile_id in found]:
            path = f"/api/lists/{session.connection['list_id']}/relationships/profiles"
            http(session).call("DELETE", path, json={"data": data})
        return all_sent(batch.rows)

    def read_back(self, session: DestinationSession) -> Iterator[str]:
        """Addresses of the profiles on the list."""
        path = f"/api/lists/{session.connection['list_id']}/profiles?page[size]={PAGE}"
        for profile in _pages(session, path):
            yield str(profile["attributes"].get(field(session.sync.key)) or "").lower()

    def invalid(self, row: Row) -> str:
        """A phone number must be E.164 under its other name too."""
        phone = row.values.get("phone")
        is_number = phone is None or is_phone(str(phone))
        return super().invalid(row) if is_number else "phone is not E.164"

    def check_addition(self, sync: SyncConfig) -> None:
        """Check that Klaviyo matches profiles by the key."""
        check_key(sync)


def http(session: DestinationSession) -> Client:
    """The session's client."""
    headers = {
        "authorization": f"Klaviyo-API-Key {session.connection['api_key']}",
        "revision": "2026-07-15",
        "accept": "application/vnd.api+json",
        "content-type": "application/vnd.api+json",
    }
    return session.http(headers, DESTINATION.rate)


def _profile(session: DestinationSession, row: Row, *, clears: bool = False) -> dict[str, Any]:
    values = {n: v for n, v in given(row, session.sync).items() if clears or v is not None}
    return {"type": "profile", "attributes": attributes(values)}


def ids_of(session: DestinationSession, identities: Sequence[str]) -> list[str]:
    """Ids of the profiles with these keys."""
    return [profile["id"] for profile in profiles_of(session, identities)]


def profiles_of(session: DestinationSession, identities: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The profiles with these keys, a page of addresses at a time."""
    for start in range(0, len(identities), PAGE):
        page = [one.replace('"', "") for one in identities[start : start + PAGE]]
        listed = ",".join(f'"{one}"' for one in page)
        chosen = f"any({field(session.sync.key)},[{listed}])"
        params = {"filter": chosen, "page[size]": str(PAGE)}
        yield from _pages(session, "/api/profiles", params)


def _pages(
    session: DestinationSession, path: str, params: dict[str, str] | None = None
) -> Iterator[dict[str, Any]]:
    answer = http(session).json("GET", path, **({"params": params} if params else {}))
    yield from answer["data"]
    while following := (answer.get("links") or {}).get("next"):
        answer = http(session).json("GET", "/api/" + following.partition("/api/")[2])
        yield from answer["data"]


DESTINATION = Klaviyo()
