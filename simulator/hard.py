"""Hard cases of identity next to a simulated shop: agents, families, offices, kiosks, company
buyers. `simulator.run` calls it for `segmentry simulate --hard`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from simulator import contacts, places, words
from simulator.arrays import Stream, stream
from simulator.files import Lines, Rows, write_records
from simulator.orders import SCHEMA
from simulator.places import PLACES

# Ids and numbers from here on belong to hard cases, so that they never meet those of the shop.
FIRST = 4_000_000
AGENTS = (4, 5, 60, 500)
FAMILIES = (2, 3, 4, 5, 6)
OFFICES = (3, 8, 40)
KIOSKS = (2, 4, 12)
BUYERS = (3, 10)


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

    def contact(self, member: CaseMember, *, email: str, phone: str, has_account: bool) -> None:
        """A contact in the CRM; an address that is the member's own is noted as such."""
        self.owns(member, "crm_id", member.contact_id)
        for kind, value in (("email", email), ("phone", phone)):
            if value == getattr(member, kind):
                self.owns(member, kind, value)
        shown = {
            "contact_id": member.contact_id, "email": email, "phone": phone,
            "first_name": member.first, "last_name": member.last, "birth_date": member.birth_date,
            "country": PLACES[member.place].country, "lifecycle_stage": "customer",
            "user_id": member.user_id if has_account else "",
            "created_at": self._time(), "updated_at": self._time(),
        }  # fmt: skip
        self.contacts.append([shown.get(name, "") for name in contacts.HEADER])

    def account(self, member: CaseMember, *, email: str | None = None) -> None:
        """An account with a browser of its own."""
        cookie = self.cookie()
        self.owns(member, "user_id", member.user_id)
        self.owns(member, "cookie", cookie)
        self.login(member, cookie, email or member.email)
        if email in (None, member.email):
            self.owns(member, "email", member.email)

    def cookie(self) -> str:
        """A browser's id."""
        return str(uuid.UUID(bytes=self.rng.bytes(16), version=4))

    def login(self, member: CaseMember, cookie: str, email: str) -> None:
        """The member logs in on a browser."""
        at = self._time()
        event = {
            "messageId": f"hard-{len(self.events)}-{self.seed}", "type": "identify",
            "traits": {"email": email}, "anonymousId": cookie, "userId": member.user_id,
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


def write(out: Path, seed: int, end: date) -> dict[str, int]:
    """Write the cases behind the files of a shop and its truth; returns the number of records."""
    cases = HardCases(seed, end)
    for make in (_agents, _families, _offices, _kiosks, _buyers):
        make(cases)
    sheet = Rows(out / "crm_contacts" / "crm_contacts-hard.csv", contacts.HEADER)
    sheet.write(cases.contacts)
    sheet.close()
    pq.write_table(
        pa.Table.from_pylist(cases.orders, schema=SCHEMA), out / "orders" / "orders-hard.parquet"
    )
    with Lines(out / "events" / "events-hard.ndjson.gz") as lines:
        lines.write(cases.events)
    write_records(out / "truth" / "hard.parquet", ("person_id", "case"), cases.cases)
    _append(out / "truth" / "identifiers.parquet", list(dict.fromkeys(cases.truth)))
    _append(out / "truth" / "shared.parquet", list(dict.fromkeys(cases.shared)))
    return {
        "crm_contacts": len(cases.contacts),
        "orders": len(cases.orders),
        "events": len(cases.events),
    }


def _append(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    table = pq.read_table(path)
    columns = list(zip(*rows, strict=True))
    more = pa.Table.from_arrays(
        [pa.array(column) for column in columns], names=table.schema.names
    ).cast(table.schema)
    pq.write_table(pa.concat_tables([table, more]), path, compression="zstd")


def _agents(cases: HardCases) -> None:
    """An account that orders for customers: with accounts, in the CRM, or known by orders alone."""
    kinds: dict[str, Callable[[CaseMember], None]] = {
        "accounts": cases.account,
        "contacts": lambda one: cases.contact(
            one, email=one.email, phone=one.phone, has_account=False
        ),
        "orders": lambda one: cases.owns(one, "email", one.email),
    }
    for size in AGENTS:
        for kind, know in kinds.items():
            agent, *customers = cases.people(f"agent {size} {kind}", size + 1)
            cases.account(agent)
            for customer in customers:
                know(customer)
                cases.order(agent.user_id, customer.email, None)


def _families(cases: HardCases) -> None:
    """One e-mail address, with accounts or in the CRM alone; each has an own phone number."""
    for size in FAMILIES:
        for has_account in (True, False):
            known = "accounts" if has_account else "contacts"
            members = cases.people(f"family {size} {known}", size, one_name=True)
            email = cases.share("email", f"family.{members[0].at}@example.org")
            for one in members:
                if has_account:
                    cases.account(one, email=email)
                cases.contact(one, email=email, phone=one.phone, has_account=has_account)


def _offices(cases: HardCases) -> None:
    """One phone number for all contacts of an office."""
    for size in OFFICES:
        for has_account in (True, False):
            known = "accounts" if has_account else "contacts"
            members = cases.people(f"office {size} {known}", size)
            phone = cases.share("phone", places.phone(members[0].place, members[0].at + FIRST // 2))
            for one in members:
                if has_account:
                    cases.account(one)
                cases.contact(one, email=one.email, phone=phone, has_account=has_account)


def _kiosks(cases: HardCases) -> None:
    """A browser on which accounts log in and guests order."""
    for size in KIOSKS:
        *members, guest = cases.people(f"kiosk {size}", size + 1)
        cookie = cases.share("cookie", cases.cookie())
        for one in members:
            cases.account(one)
            cases.login(one, cookie, one.email)
        cases.owns(guest, "email", guest.email)
        cases.owns(guest, "phone", guest.phone)
        cases.order(None, guest.email, guest.phone, anonymous_id=cookie)


def _buyers(cases: HardCases) -> None:
    """Buyers of one company: own accounts, the company's address and number in all their orders."""
    for size in BUYERS:
        members = cases.people(f"company {size}", size)
        email = cases.share("email", f"orders.{members[0].at}@company.example.org")
        phone = cases.share("phone", places.phone(members[0].place, members[0].at + FIRST // 3))
        for one in members:
            cases.account(one)
            cases.order(one.user_id, email, phone)
