"""Answers of the vendors, made by hand in the shapes of their documentation, and what a test wants
to know of each.

Every request a destination makes is answered as the real vendor would; one row, the person called
``bad``, is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from tests.contracts import described_vendors
from tests.contracts.vendor_answers import (
    BAD,
    Answer,
    accepted,
    braze,
    customer_io,
    google,
    hubspot,
    iterable,
    klaviyo,
    mailchimp,
    marketo,
    meta,
    optimizely_odp,
    salesforce,
    sendgrid,
    webhook,
)


@dataclass(frozen=True)
class Vendor:
    """One destination's answers. spec: file and server address of the vendor's own OpenAPI
    document.
    """

    answer: Callable[[str, str, dict[str, list[str]], Any], Answer]
    connection: dict[str, str]
    options: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, Any] | None = None
    purpose: str = "marketing"
    channel: str = "email"
    specs: tuple[str, ...] = ()
    prefix: str = ""
    refuses_alone: bool = True
    names_rows: bool = True
    key: str = "email"


EMAIL = {"email": {"from": "email"}}
KEYED = {"url": "U", "api_key": "K"}

VENDORS: dict[str, Vendor] = {
    "klaviyo": Vendor(klaviyo, {**KEYED, "list_id": "L"}, specs=("klaviyo.json",)),
    "hubspot": Vendor(
        hubspot,
        {"url": "U", "token": "K", "list_id": "L"},
        specs=("hubspot-contacts.json", "hubspot-lists.json"),
    ),
    "braze": Vendor(braze, KEYED, {"identifier": "email"}, specs=("braze.json",)),
    "mailchimp": Vendor(
        mailchimp,
        {**KEYED, "list_id": "L", "segment_id": "L"},
        specs=("mailchimp-list-id.json", "mailchimp-batches.json"),
    ),
    "marketo": Vendor(
        marketo,
        {"url": "U", "client_id": "K", "client_secret": "K", "list_id": "L"},
        specs=("marketo-mapi.json",),
    ),
    "salesforce": Vendor(
        salesforce, {"url": "U", "token": "K", "campaign_id": "L"}, {"external_id": "Shop_Id__c"}
    ),
    "optimizely_odp": Vendor(optimizely_odp, KEYED),
    "adobe_target": Vendor(
        accepted,
        {"url": "U", "client": "L"},
        columns={"email": {"from": "user_id"}, "first_name": {"from": "country"}},
        refuses_alone=False,
    ),
    "customer_io": Vendor(
        customer_io,
        {**KEYED, "site_id": "K", "segment_id": "L"},
        {"id_type": "email"},
        specs=("customerio-track.json",),
    ),
    "sendgrid": Vendor(sendgrid, {**KEYED, "list_id": "I"}, specs=("sendgrid-contacts.json",)),
    "iterable": Vendor(iterable, {**KEYED, "list_id": "L"}),
    "segment": Vendor(accepted, {"url": "U", "write_key": "K"}, refuses_alone=False),
    "slack": Vendor(
        accepted, {"url": "U", "token": "K", "channel": "L"}, refuses_alone=False, names_rows=False
    ),
    "meta": Vendor(
        meta,
        {"url": "U", "token": "K", "audience_id": "L"},
        columns=EMAIL,
        purpose="advertising",
        channel="ads",
    ),
    "google_data_manager": Vendor(
        google,
        {"url": "U", "token": "K", "account_id": "L", "list_id": "L"},
        columns=EMAIL,
        purpose="advertising",
        channel="ads",
        refuses_alone=False,
    ),
    "webhook": Vendor(webhook, {"url": "U", "secret": "S"}),
    **{name: Vendor(**case) for name, case in described_vendors.CASES.items()},
}


def content_of(request: httpx.Request) -> Any:
    """The request's body: decoded where it is JSON, else its text; None where it is empty."""
    if not request.content:
        return None
    is_json = "json" in request.headers.get("content-type", "json")
    return json.loads(request.content) if is_json else request.content.decode()


@dataclass
class Journal:
    """Every request and answer of a test, in the order in which they came."""

    vendor: Vendor
    script: list[int] = field(default_factory=list)
    calls: list[tuple[httpx.Request, httpx.Response]] = field(default_factory=list)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._handle)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        parts = urlsplit(str(request.url))
        body = content_of(request)
        if self.script:
            status = self.script.pop(0)
            headers = {"retry-after": "0"} if status == 429 else {}
            response = httpx.Response(status, json={"message": BAD}, headers=headers)
        else:
            status, content = self.vendor.answer(
                request.method, unquote(parts.path), parse_qs(parts.query), body
            )
            kind = (
                {"content-type": "application/vnd.api+json"}
                if "klaviyo" in request.headers.get("authorization", "").lower()
                else {}
            )
            is_json = isinstance(content, dict | list)
            text = json.dumps(content).encode() if is_json else b""
            if isinstance(content, str | bytes):
                text = content.encode() if isinstance(content, str) else content
                kind = {"content-type": "text/csv"}
            response = httpx.Response(
                status, content=text, headers=kind or {"content-type": "application/json"}
            )
        self.calls.append((request, response))
        return response
