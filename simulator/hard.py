"""Hard cases of identity next to a simulated shop: agents, families, offices, kiosks, company
buyers, and those of `simulator.hard_contacts`. `simulator.run` calls it for `segmentry simulate
--hard`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from simulator import contacts, hard_contacts, places
from simulator.cases import FIRST, CaseMember, HardCases
from simulator.files import Lines, Rows, write_records
from simulator.orders import SCHEMA

AGENTS = (4, 5, 60, 500)
FAMILIES = (2, 3, 4, 5, 6)
OFFICES = (3, 8, 40)
KIOSKS = (2, 4, 12)
BUYERS = (3, 10)


def write(out: Path, seed: int, end: date) -> dict[str, int]:
    """Write the cases behind the files of a shop and its truth; returns the number of records."""
    cases = HardCases(seed, end)
    for make in (_agents, _families, _offices, _kiosks, _buyers, hard_contacts.make):
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
