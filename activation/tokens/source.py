"""The token of one account: the kept one while it is good, else one that is asked for.

A destination's session has one; the client of its requests asks it before each attempt, and once
after a 401. No token, key or secret is ever part of a message.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from activation.client import Client, RequestRefused, Unanswered
from activation.redact import clean
from activation.tokens import flows
from activation.tokens.assertions import GRANT, assertion
from activation.tokens.flows import SignIn, TokenFlow
from activation.tokens.store import KeptToken, TokenFile, TokenMemory, TokenStore
from segmentry.errors import DestinationError

# A clock that differs by less is no reason for a refusal.
SKEW = 20.0
_CLIENT_REFUSED = ("status 401", "status 403")
_ASSERTED = (flows.JWT_BEARER, flows.SERVICE_ACCOUNT)
_REFRESHED = (flows.REFRESH_TOKEN, flows.PUBLIC_REFRESH_TOKEN)


class GrantRefused(Exception):
    """The token server refused the grant. code: of RFC 6749. ahead: seconds by which this machine's
    clock is ahead of the server's.
    """

    def __init__(self, code: str, ahead: float) -> None:
        super().__init__(code)
        self.code = code
        self.ahead = ahead


@dataclass
class TokenSource:
    """Gives the token of one account. make: makes a client of an address. clock: seconds since
    1970.
    """

    sign_in: SignIn
    values: Mapping[str, str] = field(repr=False)
    store: TokenStore
    make: Callable[[str], Client]
    notes: list[str] = field(default_factory=list)
    clock: Callable[[], float] = time.time
    _kept: KeptToken = field(default_factory=KeptToken, repr=False)
    _used: str = field(default="", repr=False)

    @property
    def flow(self) -> TokenFlow:
        """How the token is got."""
        return self.sign_in.chosen(self.values)

    @property
    def is_pasted(self) -> bool:
        """Whether an operator has set the token."""
        return self.flow is flows.PASTED

    def headers(self) -> dict[str, str]:
        """What carries the token, which is fetched if need be."""
        if self.is_pasted:
            return _bearer(self.values[flows.TOKEN])
        if not self._kept.is_fresh(self.clock()):
            self._kept = self._fresh(rejected="")
        self._used = self._kept.access_token
        return _bearer(self._used)

    def renewed(self) -> dict[str, str]:
        """The same after the tool refused the token: that of another process, or a new one."""
        self._kept = self._fresh(rejected=self._used)
        self._used = self._kept.access_token
        return _bearer(self._used)

    def _fresh(self, rejected: str) -> KeptToken:
        with self.store.locked():
            kept = self.store.read()
            if kept.is_fresh(self.clock()) and kept.access_token != rejected:
                return kept
            return self._fetched(kept, rejected)

    def _fetched(self, kept: KeptToken, rejected: str) -> KeptToken:
        was_interrupted = bool(kept.asked_at)
        self.store.write(kept.asking(self.clock()))
        try:
            found = self._asked(kept)
        except GrantRefused as refusal:
            self.store.write(kept)
            if kept.is_alive(self.clock()) and kept.access_token != rejected:
                self.notes.append(
                    "the token server refuses to refresh the token, which still counts for"
                    f" {(kept.expires_at - self.clock()) / 60:.0f} minutes: {refusal.code}"
                )
                return kept
            raise self._refused(refusal, was_interrupted) from None
        self.store.write(found)
        return found

    def _asked(self, kept: KeptToken) -> KeptToken:
        """A token by the flow; a rotated refresh token first, then the configured one."""
        if self.flow not in _REFRESHED:
            return self._by_own_grant(kept)
        configured = self.values["refresh_token"]
        tokens = dict.fromkeys([kept.refresh_token or configured, configured])
        for token in tokens:
            try:
                return self._granted(kept, {"grant_type": "refresh_token", "refresh_token": token})
            except GrantRefused as refusal:
                if refusal.code != "invalid_grant" or token == configured:
                    raise
        raise AssertionError  # the configured one is always the last

    def _by_own_grant(self, kept: KeptToken) -> KeptToken:
        if self.flow not in _ASSERTED:
            return self._granted(kept, {"grant_type": "client_credentials"})
        try:
            return self._granted(kept, self._assertion(self.clock()))
        except GrantRefused as refusal:
            if abs(refusal.ahead) < SKEW:
                raise
            return self._granted(kept, self._assertion(self.clock() - refusal.ahead))

    def _assertion(self, at: float) -> dict[str, str]:
        signed = assertion(self.flow, self.sign_in, self.values, at)
        return {"grant_type": GRANT, "assertion": signed}

    def _granted(self, kept: KeptToken, form: Mapping[str, str]) -> KeptToken:
        begun = self.clock()  # the token's life began after it, whatever the server's clock shows
        answer = self._post({**form, **self._named_client(form)})
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise DestinationError(
                "the token server answered without an access token",
                allowed="an answer of the shape of RFC 6749",
                remedy="check the connection's token_url",
            )
        seconds = _seconds(answer.get("expires_in"), self.sign_in.lifetime)
        rotated = answer.get("refresh_token")
        is_new = isinstance(rotated, str) and rotated not in ("", self.values.get("refresh_token"))
        refresh = str(rotated) if is_new else _sent_refresh(form, self.values)
        return KeptToken(token, begun, begun + seconds, refresh)

    def _named_client(self, form: Mapping[str, str]) -> dict[str, str]:
        if "assertion" in form:
            return {}
        named = {name: self.values.get(name, "") for name in ("client_id", "client_secret")}
        return {name: value for name, value in named.items() if value}

    def _post(self, form: Mapping[str, str]) -> dict[str, Any]:
        client = self.make(self.sign_in.address(self.values))
        try:
            answer = client.json("POST", "", data=dict(form))
        except RequestRefused as refusal:
            body = refusal.body if isinstance(refusal.body, dict) else {}
            code = clean(body.get("error") or f"status {refusal.status}", 60)
            raise GrantRefused(code, _ahead(refusal.date, self.clock())) from None
        except Unanswered:
            raise
        except DestinationError as error:
            status = error.received[-10:]  # as the client's message ends
            if status not in _CLIENT_REFUSED:
                raise
            raise GrantRefused(status, 0.0) from None
        finally:
            client.close()
        return answer if isinstance(answer, dict) else {}

    def _refused(self, refusal: GrantRefused, was_interrupted: bool) -> DestinationError:
        """What is wrong, by the code of the answer, and what to do about it."""
        received = f"the token server refused the {self.flow.name}: {refusal.code}"
        if self.flow in _REFRESHED and was_interrupted:
            received += (
                "; an earlier refresh was interrupted before its answer was kept, and the tool may"
                " have replaced the refresh token"
            )
        if self.flow in _ASSERTED and abs(refusal.ahead) >= SKEW:
            word = "ahead of" if refusal.ahead > 0 else "behind"
            received += f"; this machine's clock is {abs(refusal.ahead):.0f} s {word} the server's"
        code = "invalid_client" if refusal.code in _CLIENT_REFUSED else refusal.code
        allowed, remedy = _REMEDIES.get(code, _REMEDIES[""])
        if refusal.code == "invalid_grant" and self.flow in _ASSERTED:
            allowed, remedy = _ASSERTION
        return DestinationError(received, allowed=allowed, remedy=remedy)


_REMEDIES = {
    "invalid_grant": (
        "a refresh token that is neither revoked nor expired, of the application of client_id",
        "authorize the application at the tool again, and set refresh_token's variable to the new"
        " refresh token",
    ),
    "invalid_client": (
        "client_id and client_secret of an application that exists at the tool",
        "correct the variables of client_id and client_secret",
    ),
    "invalid_scope": (
        "an application that may ask for the scopes of the destination",
        "give the application the scope at the tool, then authorize it again",
    ),
    "": (
        "an application that may use this flow",
        "look the code up in the tool's documentation; check the application's settings there and"
        " the connection's token_url",
    ),
}
_ASSERTION = (
    "a key that is registered for the application, a user or account that has approved it, the"
    " audience of the token server, and a clock that is right",
    "check private_key or service_account, username, audience (test.salesforce.com for a sandbox)"
    " and the machine's clock",
)


def source(
    sign_in: SignIn,
    values: Mapping[str, str],
    secrets: Path | None,
    make: Callable[[str], Client],
    notes: list[str],
) -> TokenSource:
    """The source of an account's tokens.

    secrets: the home's folder of secrets; None to keep the token in this process alone. Another
    refresh token, key or user in the connection is another account: nothing of the former one is
    used.
    """
    flow = sign_in.chosen(values)
    named = {name: values.get(name, "") for name in (*flow.settings, "client_id")}
    text = json.dumps([flow.name, sign_in.address(values), sign_in.scope, sorted(named.items())])
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    store = TokenMemory() if secrets is None else TokenFile(secrets / "tokens" / f"{name}.json")
    return TokenSource(sign_in, values, store, make, notes)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _sent_refresh(form: Mapping[str, str], values: Mapping[str, str]) -> str:
    """The refresh token that has just been taken, if it is not the configured one."""
    sent = form.get("refresh_token", "")
    return "" if sent == values.get("refresh_token") else sent


def _seconds(stated: Any, default: float) -> float:
    try:
        seconds = float(stated)
    except (TypeError, ValueError):
        return default
    return seconds if seconds > 0 else default


def _ahead(date: str, now: float) -> float:
    try:
        return now - parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError):
        return 0.0
