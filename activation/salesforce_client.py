"""The client of Salesforce: how it signs in, and answers when the day's calls are used up."""

from __future__ import annotations

import httpx

from activation.client import Client, Rate, decoded
from activation.destination import DestinationSession
from activation.tokens import flows

RATE = Rate(25, 1.0)
# Salesforce states no end of a token: a session can be set to end after 15 minutes.
SIGN_IN = flows.SignIn(
    (flows.PASTED, flows.JWT_BEARER, flows.PUBLIC_REFRESH_TOKEN, flows.CLIENT_CREDENTIALS),
    "{url}/services/oauth2/token",
    audience="https://login.salesforce.com",
    lifetime=900.0,
)


def http(session: DestinationSession) -> Client:
    """The session's client."""
    return session.signed_http(SIGN_IN, RATE, throttled=throttled)


def throttled(response: httpx.Response) -> float | None:
    """Salesforce answers with status 403 when the day's calls are used up."""
    content = decoded(response) if response.status_code == 403 else []
    codes = [error.get("errorCode") for error in content if isinstance(error, dict)]
    return 3600.0 if "REQUEST_LIMIT_EXCEEDED" in codes else None
