"""The one HTTP client of all destinations: rate, back-off, circuit breaker, and what each answer
means.

Rates and the breaker belong to the account at the vendor, not to the sync, and are shared by every
process through the ledger. No address, body or header is ever put into a message.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from segmentry.errors import ConnectionNotConfigured, DestinationError

# The library logs each address at INFO, and addresses may contain a person's identifier.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

TIMEOUT = 30.0  # seconds; redirects are not followed, as they could lead anywhere
ATTEMPTS = 6  # with the waits below, one request is given up after about a minute
FIRST_WAIT = 0.5  # seconds; doubled with each attempt
LONGEST_WAIT = 30.0  # seconds; a vendor that asks for more is left to the next run
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 524})


@dataclass(frozen=True)
class Rate:
    """At most so many requests in so many seconds, for the account."""

    requests: int
    seconds: float = 1.0


class Accounts(Protocol):
    """What the client asks before each attempt and reports after it."""

    def wait(self, account: str, rate: Rate | None, sleep: Callable[[float], None]) -> None:
        """Wait for the account's next free slot, or raise DestinationError while its breaker is
        open.
        """

    def failed(self, account: str) -> None:
        """Count a failed attempt."""

    def succeeded(self, account: str) -> None:
        """Forget the failures in a row."""


class RequestRefused(Exception):
    """The destination refused the request as it is; status 413 means that it was too large. body is
    never shown as it is. counts_rows: the request was taken, and some of its rows were counted as
    refused without being named. date: of the answer, by the destination's clock, as its header has
    it.
    """

    def __init__(
        self, status: int, body: Any = None, *, counts_rows: bool = False, date: str = ""
    ) -> None:
        super().__init__(f"refused with status {status}")
        self.status = status
        self.body = body
        self.counts_rows = counts_rows
        self.date = date


class ConsentChanged(Exception):
    """A person of the request may not be reached any more; the request did not leave."""


class Unanswered(DestinationError):
    """Every attempt failed. may_have_arrived: whether one of them may have been taken all the
    same.
    """

    may_have_arrived = True


# The request has certainly not been taken: the connection was not made, or the answer is "not
# now".
UNTAKEN = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
Throttled = Callable[[httpx.Response], float | None]


class Client:
    """Calls one account of one destination.

    throttled: gives the seconds to wait where a vendor hides its throttle in an answer that does
    not look like one. authorize: gives the headers that carry the credentials, before each attempt.
    renew: fetches new credentials once after a 401 and gives the headers that carry them. is_stale:
    whether an answer means what a 401 means elsewhere. is_repeatable: False where a repeated
    request does harm: one that may have been taken is then not tried again. before: is called right
    before each attempt, and may raise ConsentChanged.
    """

    def __init__(
        self,
        base_url: str,
        *,
        accounts: Accounts,
        account: str,
        headers: Mapping[str, str] | None = None,
        rate: Rate | None = None,
        throttled: Throttled | None = None,
        authorize: Callable[[], Mapping[str, str]] | None = None,
        renew: Callable[[], Mapping[str, str]] | None = None,
        is_stale: Callable[[httpx.Response], bool] = lambda response: response.status_code == 401,
        is_repeatable: bool = True,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._base = checked_url(base_url)
        self._http = httpx.Client(
            headers=dict(headers or {}),
            timeout=TIMEOUT,
            transport=transport,
            follow_redirects=False,
        )
        self._accounts = accounts
        self._account = account
        self._rate = rate
        self._throttled = throttled
        self._authorize = authorize
        self._renew = renew
        self._is_stale = is_stale
        self._is_repeatable = is_repeatable
        self._sleep = sleep
        self._before = before
        self.requests = 0
        # Whether a request may have changed the destination since this was last set to False.
        self.may_have_written = False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def json(self, method: str, path: str, **parts: Any) -> Any:
        """The decoded body of the answer; {} where it is empty. One that is cut off or no JSON is
        no answer.
        """
        return decoded(self.call(method, path, is_json=True, **parts))

    def call(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """One request, tried until it has an answer that means something.

        Raises RequestRefused for an answer that no repetition will change, Unanswered when the
        attempts are used up.
        """
        is_json = parts.pop("is_json", False)
        taken = False  # whether an attempt so far may have been taken
        last = "no answer"
        for attempt in range(ATTEMPTS):
            self._wait_for_slot(taken)
            wait = FIRST_WAIT * 2**attempt
            try:
                response = self._once(method, path, parts)
            except ConsentChanged:
                self.may_have_written |= method != "GET" and taken
                raise
            except DestinationError as error:  # no credentials can be had for this attempt
                if not taken:
                    raise
                raise _unanswered(error.received, error.allowed, error.remedy, taken) from None
            except httpx.TransportError as error:
                last = type(error).__name__
                taken = taken or not isinstance(error, UNTAKEN)
            else:
                asked = self._asked_to_wait(response, is_json)
                if asked is None:
                    self.may_have_written |= method != "GET" and (taken or response.is_success)
                    return self._final(response)
                wait = max(wait, asked)
                last = f"status {response.status_code}"
                taken = taken or not self._is_throttle(response)
            self._accounts.failed(self._account)
            if (
                wait > LONGEST_WAIT
                or attempt + 1 == ATTEMPTS
                or (taken and not self._is_repeatable)
            ):
                break
            self._sleep(wait * random.uniform(1.0, 1.25))  # noqa: S311  jitter, so that workers do not return together
        raise _unanswered(
            f"the destination did not take a {method} request: {last}",
            "an answer within the attempts of one run",
            "the next run settles it; if it goes on, look at the vendor's status page and the"
            " connection",
            taken,
        )

    def _wait_for_slot(self, taken: bool) -> None:
        try:
            self._accounts.wait(self._account, self._rate, self._sleep)
        except DestinationError as error:
            raise _unanswered(error.received, error.allowed, error.remedy, taken) from None

    def _once(self, method: str, path: str, parts: Mapping[str, Any]) -> httpx.Response:
        if self._authorize is not None:
            self._http.headers.update(self._authorize())
        self._before()
        self.requests += 1
        # Signatures carry the time of the attempt, so headers are made again for each.
        parts = (
            {**parts, "headers": parts["headers_of"]()} if "headers_of" in parts else dict(parts)
        )
        parts.pop("headers_of", None)
        response = self._http.request(method, self._base + path, **parts)
        if self._renew is not None and self._is_stale(response):
            self._http.headers.update(self._renew())
            self._before()
            self.requests += 1
            response = self._http.request(method, self._base + path, **parts)
        return response

    def _is_throttle(self, response: httpx.Response) -> bool:
        return response.status_code == 429 or (
            self._throttled is not None and self._throttled(response) is not None
        )

    def _asked_to_wait(self, response: httpx.Response, is_json: bool) -> float | None:
        if self._throttled is not None and (seconds := self._throttled(response)) is not None:
            return seconds
        if response.status_code in RETRIED:
            return retry_after(response.headers) or until_reset(response.headers) or 0.0
        # A proxy's page or half an answer, with a status of success, is no proof that the
        # destination took the request.
        return 0.0 if is_json and response.is_success and not _is_whole(response) else None

    def _final(self, response: httpx.Response) -> httpx.Response:
        self._accounts.succeeded(self._account)
        if response.status_code in (401, 403):
            raise DestinationError(
                f"the destination refused the credentials with status {response.status_code}",
                allowed="credentials with the right to write profiles and audiences",
                remedy="set the connection's variable to a valid credential, then run again",
            )
        if response.is_success:
            return response
        date = response.headers.get("date", "")
        raise RequestRefused(response.status_code, decoded(response), date=date)


def _unanswered(received: str, allowed: str, remedy: str, may_have_arrived: bool) -> Unanswered:
    error = Unanswered(received, allowed=allowed, remedy=remedy)
    error.may_have_arrived = may_have_arrived
    return error


def _is_whole(response: httpx.Response) -> bool:
    try:
        return not response.content.strip() or isinstance(response.json(), dict | list)
    except ValueError:
        return False


def decoded(response: httpx.Response) -> Any:
    """The body as JSON; {} where it is empty or not JSON."""
    try:
        return response.json()
    except ValueError:
        return {}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, which contains a number or a date; None for any other
    text.
    """
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        stated = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(
        0.0, (stated.replace(tzinfo=stated.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    )


def until_reset(headers: Mapping[str, str]) -> float | None:
    """Seconds until the time of an X-RateLimit-Reset header, which contains seconds since 1970;
    None without one.
    """
    text = headers.get("x-ratelimit-reset", "")
    return (
        max(0.0, float(text) - time.time())
        if text.isdigit() and int(text) > 1_000_000_000
        else None
    )


def checked_url(url: str) -> str:
    """The address without a slash at its end; https everywhere but on loopback, and no password in
    it.
    """
    parts = urlsplit(url)
    is_local = parts.hostname in {"127.0.0.1", "localhost", "::1"}
    if (
        not parts.hostname
        or parts.scheme not in {"http", "https"}
        or (parts.scheme == "http" and not is_local)
    ):
        raise ConnectionNotConfigured(
            "the connection's address is not usable",
            allowed="https://host/path, or http:// on loopback",
            remedy="correct the connection's address variable",
        )
    if parts.username or parts.password:
        raise ConnectionNotConfigured(
            "the connection's address contains a user or password",
            allowed="credentials in the connection's own variables",
            remedy="take them out of the address",
        )
    return url.rstrip("/")
