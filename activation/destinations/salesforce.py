"""Salesforce: contacts or leads by Bulk API 2.0, and their membership of one campaign.

``external_id`` names the unique field that the key fills; ``object`` is Contact (default) or Lead.
A job upserts; those it took become members of the campaign, of which a second creation is refused
as a duplicate and counts as there; the next run sends a row again whose record was locked. An empty
cell would leave a value alone, so NULL is sent as #N/A. The fields for opt-outs are never written.
"""

from __future__ import annotations

import csv
import io

from activation import campaigns, values
from activation.destination import Destination, DestinationSession
from activation.model import Batch, Pending, Result, Row, RowOutcome, Status, all_sent
from activation.redact import clean
from activation.salesforce_client import RATE, SIGN_IN, http
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

API = campaigns.API
REQUEST_ERRORS = frozenset(
    {
        "INVALID_SESSION_ID", "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "FEATURENOTENABLED",
        "INVALID_FIELD", "INVALID_TYPE", "INVALIDENTITY", "INVALIDJOB", "INVALIDJOBSTATE",
        "EXCEEDEDQUOTA", "NOT_FOUND", "INSUFFICIENT_ACCESS", "INVALID_OPERATION",
    }
)  # fmt: skip
LOCKED = "UNABLE_TO_LOCK_ROW"  # by another process; the row itself is right


class Salesforce(Destination):
    """One campaign."""

    settings = ("url", "token", "campaign_id")
    sign_in = SIGN_IN
    request_errors = REQUEST_ERRORS
    forms = values.AS_TEXT
    purposes = ("marketing", "personalization")
    channels = ("email", "sms", "any")
    options = ("object", "external_id")
    batch_rows = 10_000
    batch_bytes = 90_000_000  # of 100 MB
    rate = RATE
    job_seconds = 0.0  # a job whose id was lost never begins
    cost_unit = "API records"

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """A job of three calls, a look, two results, the campaign; a removal has look-ups."""
        page = campaigns.PAGE
        return -(-rows * 2 // page) * 2 if is_removal else 6 - (-rows // page)

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Upsert the people by one job."""
        kind = session.option("object", "Contact")
        field = session.option("external_id")
        job = {
            "object": kind,
            "operation": "upsert",
            "externalIdFieldName": field,
            "contentType": "CSV",
        }
        job["lineEnding"] = "LF"
        made = http(session).json("POST", f"{API}/jobs/ingest", json=job)["id"]
        body = _csv(session, batch)
        kind_of = {"content-type": "text/csv"}
        http(session).call(
            "PUT", f"{API}/jobs/ingest/{made}/batches", content=body, headers_of=lambda: kind_of
        )
        http(session).call("PATCH", f"{API}/jobs/ingest/{made}", json={"state": "UploadComplete"})
        return Pending(made)

    def poll(self, session: DestinationSession, batch: Batch, job_id: str) -> Result:
        """The job's rows; those it took are put into the campaign."""
        state = http(session).json("GET", f"{API}/jobs/ingest/{job_id}")["state"]
        if state in ("Open", "UploadComplete", "InProgress"):
            return Pending(job_id)
        if state != "JobComplete":
            return [RowOutcome(row, Status.retry, "the job was not done") for row in batch.rows]
        taken, failed = (
            _results(session, job_id, f"{name}Results") for name in ("successful", "failed")
        )
        ids = {key: found["sf__Id"] for key, found in taken.items()}
        added = [row for row in batch.rows if row.identity in ids]
        allowed = session.may_be_added(added)  # a person may have opted out while the job ran
        lost = campaigns.join(http(session), session, [ids[row.identity] for row in allowed])
        lost |= {ids[row.identity] for row in added} - {ids[row.identity] for row in allowed}
        return [
            _outcome(row, ids.get(row.identity), failed.get(row.identity), lost)
            for row in batch.rows
        ]

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take the people out of the campaign; they stay what they are."""
        if not campaigns.take_out(http(session), session, [row.identity for row in batch.rows]):
            return [RowOutcome(row, Status.retry, "not all were removed") for row in batch.rows]
        return all_sent(batch.rows)

    def check(self, sync: SyncConfig) -> None:
        """Check that a campaign has the object, and that the field of the key is given."""
        super().check(sync)
        kind = sync.options.get("object", "Contact")
        field = str(sync.options.get("external_id", ""))
        if kind not in ("Contact", "Lead") or not field.isidentifier():
            raise ConfigError(
                f"{sync.path}: options/object is '{kind}', options/external_id is '{field}'",
                allowed=(
                    "object Contact or Lead; external_id the API name of a unique external id field"
                ),
                remedy="correct options/object or options/external_id",
            )


def _csv(session: DestinationSession, batch: Batch) -> bytes:
    text = io.StringIO()
    others = [column for column in session.sync.columns if column.name != session.sync.key]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([session.option("external_id"), *(column.name for column in others)])
    for row in batch.rows:
        blank = [(row.values[c.name], "#N/A" if c.when_null == "clear" else "") for c in others]
        writer.writerow(
            [row.identity, *(empty if v is None else values.for_text(v) for v, empty in blank)]
        )
    return text.getvalue().encode()


def _results(session: DestinationSession, job_id: str, name: str) -> dict[str, dict[str, str]]:
    text = http(session).call("GET", f"{API}/jobs/ingest/{job_id}/{name}").text
    return {row[session.option("external_id")]: row for row in csv.DictReader(io.StringIO(text))}


def _outcome(
    row: Row, their_id: str | None, failure: dict[str, str] | None, lost: set[str]
) -> RowOutcome:
    if failure is not None:
        code = clean(failure["sf__Error"].partition(":")[0])
        return RowOutcome(row, Status.retry if code == LOCKED else Status.rejected, code)
    if their_id is None or their_id in lost:
        reason = "not put into the campaign" if their_id else "the job does not name the row"
        return RowOutcome(row, Status.retry, reason)
    return RowOutcome(row, Status.sent, "", their_id)


DESTINATION = Salesforce()
