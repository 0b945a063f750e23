"""The people, records and truth of hard cases of identity, in memory."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import orjson

from simulator import contacts, places, words
from simulator.arrays import Stream, stream
from simulator.places import PLACES

# Ids and numbers from here on belong to hard cases, so that they never meet those of the shop.
FIRST = 4_000_000


@dataclass(frozen=True)
class CaseMember:
    """One person of a case, with the identifiers that are the person's alone."""

    at: int
    first: str
    last: str
    place: int

    @property
    def person_id(self) -> str:
        """The person's name in the truth."""
        return f"hard-{self.at}"

    @property
    def user_id(self) -> str:
        """The account."""
        return f"u{self.at}"

    @property
    def contact_id(self) -> str:
        """The contact in the CRM."""
        return f"C{self.at}"

    @property
    def email(self) -> str:
        """The person's own address."""
        name = f"{words.plain(self.first)}.{words.plain(self.last)}{self.at}"
        return f"{name}@{words.DOMAINS[self.at % len(words.DOMAINS)]}"

    @property
    def phone(self) -> str:
        """The person's own number."""
        return places.phone(self.place, self.at)

    @property
    def birth_date(self) -> str:
        """A day that differs between the members of a case."""
        return f"{1950 + self.at % 50}-{1 + self.at % 12:02d}-{1 + self.at % 28:02d}"


@dataclass
class HardCases:
    """Records and truth of all hard cases, in memory: a few thousand rows."""

    seed: int
    end: date
    contacts: list[list[str]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    truth: list[tuple[str, str, str, bool, bool, bool]] = field(default_factory=list)
    cases: list[tuple[str, str]] = field(default_factory=list)
    shared: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng: np.random.Generator = stream(self.seed, Stream.contacts, 900_000)
        self.case = ""
        self._next = FIRST

    def people(self, case: str, number: int, *, one_name: bool = False) -> list[CaseMember]:
        """New people of a case; one_name: of one family."""
        self.case = case
        last = words.LAST[int(self.rng.integers(len(words.LAST)))]
        members = []
        for _ in range(number):
            own = words.LAST[int(self.rng.integers(len(words.LAST)))]
            first = words.FEMALE + words.MALE
            place = int(self.rng.integers(len(PLACES)))
            name = first[(self._next * 7) % len(first)]
            members.append(CaseMember(self._next, name, last if one_name else own, place))
            self._next += 1
        self.cases += [(member.person_id, case) for member in members]
        return members

    def owns(self, member: CaseMember, kind: str, value: str) -> None:
        """An identifier that is the person's alone."""
        self.truth.append((member.person_id, kind, value, False, True, False))

    def share(self, kind: str, value: str) -> str:
        """An identifier that is of no single person."""
        self.shared.append((kind, value, self.case.split()[0]))
        return value

    def contact(
        self, member: CaseMember, *, email: str, phone: str, has_account: bool,
        shown: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """A contact in the CRM; an address that is the member's own is noted as such. shown:
        columns that differ from the truth.
        """
        if shown is None or "contact_id" not in shown:
            self.owns(member, "crm_id", member.contact_id)
        for kind, value in (("email", email), ("phone", phone)):
            if value == getattr(member, kind):
                self.owns(member, kind, value)
        row = {
            "contact_id": member.contact_id, "email": email, "phone": phone,
            "first_name": member.first, "last_name": member.last, "birth_date": member.birth_date,
            "country": PLACES[member.place].country, "lifecycle_stage": "customer",
            "user_id": member.user_id if has_account else "",
            "created_at": self._time(), "updated_at": self._time(),
            **(shown or {}),
        }  # fmt: skip
        self.contacts.append([row.get(name, "") for name in contacts.HEADER])

    def account(
        self, member: CaseMember, *, email: str | None = None, is_owner: bool = True
    ) -> None:
        """An account with a browser of its own; is_owner: the member's address is the member's
        alone.
        """
        self.owns(member, "user_id", member.user_id)
        self.login(member, self.cookie_of(member), email or member.email)
        if email in (None, member.email) and is_owner:
            self.owns(member, "email", member.email)

    def cookie_of(self, member: CaseMember) -> str:
        """The id of a browser that is the member's alone."""
        cookie = self.cookie()
        self.owns(member, "cookie", cookie)
        return cookie

    def cookie(self) -> str:
        """A browser's id."""
        return str(uuid.UUID(bytes=self.rng.bytes(16), version=4))

    def login(self, member: CaseMember, cookie: str, email: str, *, is_named: bool = False) -> None:
        """The member logs in on a browser; is_named: and states the name."""
        at = self._time()
        named = {"firstName": member.first, "lastName": member.last} if is_named else {}
        event = {
            "messageId": f"hard-{len(self.events)}-{self.seed}", "type": "identify",
            "traits": {"email": email, **named}, "anonymousId": cookie, "userId": member.user_id,
            "timestamp": at, "sentAt": at, "receivedAt": at,
            "context": {"location": {"country": PLACES[member.place].country}},
        }  # fmt: skip
        self.events.append(orjson.dumps(event).decode())

    def order(self, account: str | None, email: str | None, phone: str | None, **more: Any) -> None:
        """An order with these identifiers."""
        at = self._time()
        amounts = {"subtotal": 20.0, "discount": 0.0, "shipping": 0.0, "tax": 4.0, "total": 24.0}
        self.orders.append(
            {
                "order_id": f"H{FIRST + len(self.orders)}",
                "ordered_at": at,
                "updated_at": at,
                "status": "completed",
                "user_id": account,
                "email": email,
                "phone": phone,
                "is_guest": account is None,
                "currency": "EUR",
                **amounts,
                "refunded": 0.0,
                "payment_method": "card",
                "channel": "web",
                "items": "[]",
                **more,
            }
        )

    def _time(self) -> str:
        day = self.end - timedelta(days=int(self.rng.integers(1, 20)))
        return f"{datetime.combine(day, time(int(self.rng.integers(24)))).isoformat()}.000Z"
