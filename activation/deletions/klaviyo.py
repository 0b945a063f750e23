"""Klaviyo: a data privacy deletion job for each profile, API revision 2026-07-15.

A job takes one profile, by its id, and ends later: the profile is looked for until it is not there.
Klaviyo takes 60 jobs a minute.
"""

from __future__ import annotations

from collections.abc import Collection

from activation.deletion import Deletion, Receipt, among
from activation.destination import DestinationSession
from activation.destinations.klaviyo import http, ids_of, profiles_of
from activation.klaviyo_profile import field
from activation.model import Batch, Row

JOBS = "/api/data-privacy-deletion-jobs"


class KlaviyoDeletion(Deletion):
    """Profiles of one account."""

    def request(self, session: DestinationSession, batch: Batch) -> list[Receipt]:
        """Start the jobs of those who have a profile."""
        receipts = []
        for row in batch.rows:
            found = ids_of(session, [row.identity])
            for profile_id in found:
                profile = {"type": "profile", "id": profile_id}
                attributes = {"profile": {"data": profile}}
                job = {"type": "data-privacy-deletion-job", "attributes": attributes}
                http(session).call("POST", JOBS, json={"data": job})
            receipts.append(Receipt(row, f"{len(found)} deletion job(s) taken"))
        return receipts

    def present(self, session: DestinationSession, rows: Collection[Row]) -> set[str]:
        """Those who have a profile."""
        name = field(session.sync.key)
        profiles = profiles_of(session, [row.identity for row in rows])
        return among(rows, (str(one["attributes"].get(name) or "") for one in profiles))


DELETION = KlaviyoDeletion()
