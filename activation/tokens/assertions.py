"""Signed assertions (RFC 7523): who asks for a token, for which server, until when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from activation.tokens.flows import SERVICE_ACCOUNT, SignIn, TokenFlow
from segmentry.errors import DestinationError

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# Salesforce refuses one that ends later than 5 minutes from now, Google than an hour.
LIFETIME = 180
# A server whose clock is a little behind takes one from the future for a forgery.
BACKDATED = 30


def assertion(flow: TokenFlow, sign_in: SignIn, values: Mapping[str, str], at: float) -> str:
    """The assertion of a flow, signed with the key of the connection. at: seconds since 1970."""
    import jwt

    claims = {
        "aud": sign_in.audience_of(values),
        "iat": int(at) - BACKDATED,
        "exp": int(at) + LIFETIME,
    }
    headers: dict[str, str] = {}
    if flow is SERVICE_ACCOUNT:
        account = service_account(values["service_account"])
        key = account["private_key"]
        claims |= {"iss": account["client_email"], "scope": sign_in.scope}
        headers = {"kid": account["private_key_id"]} if "private_key_id" in account else {}
    else:
        key = _text_of(values["private_key"], "-----BEGIN").replace("\\n", "\n")
        claims |= {"iss": values["client_id"], "sub": values["username"]}
    try:
        return jwt.encode(claims, key, algorithm="RS256", headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError):
        raise _unreadable(
            "the private key cannot be read", "an RSA key in PEM, or the path of its file"
        ) from None


def service_account(value: str) -> dict[str, str]:
    """The key file of a Google service account. value: its content, or its path."""
    text = _text_of(value, "{")
    try:
        content = json.loads(text)
        return {
            **content,
            "client_email": content["client_email"],
            "private_key": content["private_key"],
        }
    except (ValueError, LookupError, TypeError):
        raise _unreadable(
            "the service account cannot be read",
            "the JSON of a key file with client_email and private_key, or the path of the file",
        ) from None


def _text_of(value: str, beginning: str) -> str:
    if value.lstrip().startswith(beginning):
        return value
    try:
        return Path(value).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _unreadable(received: str, allowed: str) -> DestinationError:
    return DestinationError(
        received, allowed=allowed, remedy="correct the connection's variable, then run it again"
    )
