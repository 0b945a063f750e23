"""Google Customer Match through the Data Manager API: hashed e-mail addresses and phone numbers.

Columns are ``email`` and ``phone``, and for an address ``given_name``, ``family_name``,
``region_code`` (two letters of a country) and ``postal_code``, all four: Google takes the latter
two as they are. ``login_account_id`` is the account that manages the account. Google answers with
a request id and goes on later, counting reasons without naming rows: a row is taken for sent when
its request was accepted. The run looks at its requests once more, and the next runs at those that
Google had not finished: they report the match rate and the reasons. The rows of a request that
failed are sent, or removed, again. Consent is stated as granted, as only rows with consent for the
purpose leave; the advertiser's terms must have been accepted. A removal repeats every identifier
that was sent, and a changed one is removed before the new one is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activation import google_requests
from activation.addresses import as_identifiers
from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames
from activation.google_members import ADDRESS, NORMALIZED, sent, user_data
from activation.model import Accepted, Batch, Result, Row, RowOutcome, Status
from activation.tokens.flows import PASTED, REFRESH_TOKEN, SERVICE_ACCOUNT, SignIn
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

REQUEST_ERRORS = frozenset(
    {"UNAUTHENTICATED", "PERMISSION_DENIED", "FAILED_PRECONDITION", "NOT_FOUND"}
)
SIGN_IN = SignIn(
    (PASTED, SERVICE_ACCOUNT, REFRESH_TOKEN),
    "https://oauth2.googleapis.com/token",
    scope="https://www.googleapis.com/auth/datamanager",
)


class GoogleDataManager(Destination):
    """One Customer Match list."""

    settings = ("url", "token", "account_id", "list_id")
    optional_settings = ("login_account_id",)
    sign_in = SIGN_IN
    place = PlaceNames(("url", "account_id", "list_id"), ("url", "account_id"))
    request_errors = REQUEST_ERRORS
    forms = "normalized and hashed"
    purposes = ("advertising",)
    channels = ("ads",)
    batch_rows = 5_000  # of 10,000 members
    rate = Rate(300, 60.0)
    cost_unit = "members"
    identifying = ("emailAddress", "phoneNumber", "address")
    ends_later = True

    def requests_of(self, rows: int, *, is_removal: bool) -> int:
        """The members, and a look at the request."""
        return 2

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Add members by their hashes."""
        consent = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
        members = [
            {"consent": consent, "userData": user_data(dict(row.values))} for row in batch.rows
        ]
        terms = {"termsOfService": {"customerMatchTermsOfServiceStatus": "ACCEPTED"}}
        return _change(session, "ingest", members, terms)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take members out by every identifier they were added with."""
        key = session.sync.key
        members = [{"userData": sent(row) or user_data({key: row.identity})} for row in batch.rows]
        return _change(session, "remove", members, {})

    def poll(self, session: DestinationSession, batch: Batch, job_id: str) -> Result:
        """The rows of a request that failed, all of them; none where it is done."""
        path = "/v1/requestStatus:retrieve"
        answer = http(session).json("GET", path, params={"requestId": job_id})
        found = answer["requestStatusPerDestination"][0]
        status = found["requestStatus"]
        if status not in google_requests.ENDS:
            return Accepted(job_id)
        google_requests.report(session, found)
        if status != "FAILED":
            return []
        return [RowOutcome(row, Status.retry, "the request failed later") for row in batch.rows]

    def identifiers(self, sync: SyncConfig, values: Mapping[str, Any]) -> str | None:
        """The identifiers as they are sent."""
        return as_identifiers(user_data(dict(values))["userIdentifiers"])

    def invalid(self, row: Row) -> str:
        """A hash of nothing must never be sent. A value without a form costs its field alone."""
        usable = user_data(dict(row.values))["userIdentifiers"]
        return "" if usable and row.identity else "no identifier can be made"

    def check(self, sync: SyncConfig) -> None:
        """Check that the columns can be matched, and that the purpose fits the consent that is
        stated.
        """
        super().check(sync)
        names = {column.name for column in sync.columns}
        unknown = sorted(names - {*NORMALIZED, *ADDRESS})
        if not unknown and names & set(ADDRESS):
            unknown = sorted(set(ADDRESS) - names)
        if unknown or sync.key not in NORMALIZED or sync.purpose != "advertising":
            raise ConfigError(
                (
                    f"{sync.path}: columns/{unknown[0]}"
                    if unknown
                    else f"{sync.path}: the purpose is '{sync.purpose}'"
                ),
                allowed=f"columns email and phone, or all of {', '.join(ADDRESS)} too; as key email"
                " or phone; the purpose advertising",
                remedy="rename, add or remove the column, or correct the purpose",
            )


def _change(
    session: DestinationSession,
    change: str,
    members: list[dict[str, Any]],
    terms: dict[str, Any],
) -> Result:
    account = {"accountType": "GOOGLE_ADS", "accountId": session.connection["account_id"]}
    login = session.connection.get("login_account_id")
    by_login = {"loginAccount": {**account, "accountId": login}} if login else {}
    destination = {
        "operatingAccount": account,
        **by_login,
        "productDestinationId": session.connection["list_id"],
    }
    body = {"destinations": [destination], "audienceMembers": members, "encoding": "HEX", **terms}
    answer = http(session).json("POST", f"/v1/audienceMembers:{change}", json=body)
    return Accepted(str(answer["requestId"]))


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.signed_http(SIGN_IN, DESTINATION.rate)


DESTINATION = GoogleDataManager()
