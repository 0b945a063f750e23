"""Google Customer Match through the Data Manager API: hashed e-mail addresses and phone numbers.

Columns are ``email`` and ``phone``, and for an address ``given_name``, ``family_name``,
``region_code`` (two letters of a country) and ``postal_code``, all four: Google takes the latter
two as they are. ``login_account_id`` is the account that manages the account. Google answers with
a request id and matches later, counting reasons without naming rows: a row is taken for sent when
its request was accepted. Consent is stated as granted, as only rows with consent for the purpose
leave; the advertiser's terms must have been accepted. A removal repeats every identifier that was
sent, and a changed one is removed before the new one is added. The state of a request that Google
finishes later is not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from activation.addresses import as_identifiers, sent_identifiers
from activation.client import Client, Rate
from activation.destination import Destination, DestinationSession, PlaceNames
from activation.hashing import google_email, google_name, google_phone, google_region, sha256
from activation.model import Batch, Result, Row, all_sent
from activation.tokens.flows import PASTED, REFRESH_TOKEN, SERVICE_ACCOUNT, SignIn
from segmentry.errors import ConfigError
from segmentry.sync_config import SyncConfig

REQUEST_ERRORS = frozenset(
    {"UNAUTHENTICATED", "PERMISSION_DENIED", "FAILED_PRECONDITION", "NOT_FOUND"}
)
NORMALIZED = {"email": ("emailAddress", google_email), "phone": ("phoneNumber", google_phone)}
ADDRESS: dict[str, tuple[str, Callable[[str], str]]] = {
    "given_name": ("givenName", lambda value: sha256(google_name(value))),
    "family_name": ("familyName", lambda value: sha256(google_name(value))),
    "region_code": ("regionCode", google_region),
    "postal_code": ("postalCode", str.strip),
}
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

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Add members by their hashes."""
        consent = {"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_GRANTED"}
        members = [
            {"consent": consent, "userData": _user_data(dict(row.values))} for row in batch.rows
        ]
        terms = {"termsOfService": {"customerMatchTermsOfServiceStatus": "ACCEPTED"}}
        return _change(session, batch, "ingest", members, terms)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take members out by every identifier they were added with."""
        key = session.sync.key
        members = [
            {"userData": _sent(row) or _user_data({key: row.identity})} for row in batch.rows
        ]
        return _change(session, batch, "remove", members, {})

    def identifiers(self, sync: SyncConfig, values: Mapping[str, Any]) -> str | None:
        """The identifiers as they are sent."""
        return as_identifiers(_user_data(dict(values))["userIdentifiers"])

    def invalid(self, row: Row) -> str:
        """A hash of nothing must never be sent."""
        return (
            super().invalid(row)
            if _user_data(dict(row.values))["userIdentifiers"]
            else "no identifier can be made"
        )

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


def _user_data(values: dict[str, Any]) -> dict[str, Any]:
    identifiers: list[dict[str, Any]] = []
    for name, (field, normalize) in NORMALIZED.items():
        normal = normalize(str(values[name])) if values.get(name) is not None else ""
        identifiers += [{field: sha256(normal)}] if normal else []
    parts = {
        field: normalize(str(values[name])) if values.get(name) is not None else ""
        for name, (field, normalize) in ADDRESS.items()
    }
    identifiers += [{"address": parts}] if all(parts.values()) else []
    return {"userIdentifiers": identifiers}


def _sent(row: Row) -> dict[str, Any] | None:
    identifiers = sent_identifiers(row)
    return {"userIdentifiers": identifiers} if isinstance(identifiers, list) else None


def _change(
    session: DestinationSession,
    batch: Batch,
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
    http(session).call("POST", f"/v1/audienceMembers:{change}", json=body)
    return all_sent(batch.rows)


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.signed_http(SIGN_IN, DESTINATION.rate)


DESTINATION = GoogleDataManager()
