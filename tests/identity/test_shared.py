"""Shared identifiers: over a limit none of the links joins people, no matter who came first; and
the owner of an address keeps it, no matter how many others use it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.identity.memory import Link, Memory, groups, resolved

AGENT = "user_id:agent7"


def contact(name: str, day: int = 0, account: bool = False) -> list[Link]:
    """A CRM contact with e-mail and phone, and with an account if asked for."""
    owned = [
        Link("crm_email", f"crm_id:K{name}", f"email:{name}@post.example", day),
        Link("crm_phone", f"crm_id:K{name}", phone(name), day),
    ]
    if account:
        owned += [
            Link("login", f"user_id:A{name}", f"cookie:own-{name}", day),
            Link("trait", f"user_id:A{name}", f"email:{name}@post.example", day),
        ]
    return owned


def phone(name: str) -> str:
    return f"phone:+4366055{int(''.join(x for x in name if x.isdigit()) or 0) + 10_000}"


def ordered(account: str, names: Iterable[str], first_day: int = 1) -> list[Link]:
    """Orders by one account, with the addresses of other people."""
    return [
        Link("order", account, end, day)
        for day, name in enumerate(names, first_day)
        for end in (f"email:{name}@post.example", phone(name))
    ]


def own(name: str, account: bool = False) -> set[str]:
    """The identifiers of a contact."""
    found = {f"crm_id:K{name}", f"email:{name}@post.example", phone(name)}
    return found | ({f"user_id:A{name}", f"cookie:own-{name}"} if account else set())


@pytest.mark.parametrize(
    ("number", "account"),
    [(n, account) for n in (1, 4, 5, 15, 60, 500) for account in (False, True)][1:],
)
def test_customers_keep_their_addresses_when_an_agent_orders_for_them(
    number: int, account: bool
) -> None:
    names = [f"c{n}" for n in range(number)]
    links = [link for name in names for link in contact(name, 50, account=account)]
    memory = resolved([*links, *ordered(AGENT, names), Link("login", AGENT, "cookie:desk", 1)])
    assert memory.groups() == groups(
        {AGENT, "cookie:desk"}, *(own(name, account) for name in names)
    )


@pytest.mark.parametrize("number", [4, 5, 12, 60])
def test_an_agent_is_no_owner_of_addresses_that_nobody_else_states(number: int) -> None:
    names = [f"c{n}" for n in range(number)]
    links = [*ordered(AGENT, names), Link("trait", AGENT, "email:agent@post.example", 90)]
    memory = resolved(links)
    assert {AGENT, "email:agent@post.example"} in memory.groups()
    assert len(memory.groups()) == 1 + 2 * number
    assert set(memory.refused().values()) <= {"shared_user_id", "hub"}


def test_an_account_that_orders_with_its_own_few_addresses_is_one_person() -> None:
    links = [
        *ordered("user_id:u77", ["c1", "c2", "c3"]),
        Link("trait", "user_id:u77", "email:me@p.example"),
    ]
    assert len(resolved(links).groups()) == 1


@pytest.mark.parametrize("rule", ["trait", "order", "billing"])
@pytest.mark.parametrize("number", [2, 3, 6])
def test_an_address_of_several_accounts_is_nobodys(rule: str, number: int) -> None:
    family = "email:huber.family@post.example"
    links = [Link(rule, f"user_id:u{n}", family, n) for n in range(number)]
    memory = resolved([*links, *(Link("login", f"user_id:u{n}", f"cookie:c{n}") for n in range(9))])
    assert memory.groups() == groups(
        {family}, *({f"user_id:u{n}", f"cookie:c{n}"} for n in range(9))
    )
    assert set(memory.refused().values()) == {"shared_email"}
    (detail,) = {row[0] for row in memory.rows("select detail from identity.refused_links")}
    assert detail == f"shared by {number} people with {number} of the type user_id, limit 1"


@pytest.mark.parametrize("number", [4, 5, 8, 40])
def test_an_offices_phone_joins_none_of_its_contacts(number: int) -> None:
    office = "phone:+436605551234"
    links = [Link("crm_phone", f"crm_id:K{n}", office, n) for n in range(number)]
    links += [Link("crm_email", f"crm_id:K{n}", f"email:o{n}@post.example") for n in range(number)]
    assert resolved(links).groups() == groups(
        {office}, *({f"crm_id:K{n}", f"email:o{n}@post.example"} for n in range(number))
    )


def test_a_second_identifier_joins_what_a_shared_one_does_not() -> None:
    office = "phone:+436605551234"
    links = [Link("crm_phone", f"crm_id:K{n}", office, n) for n in range(5)]
    links += [Link("crm_email", f"crm_id:K{n}", "email:two@post.example") for n in (1, 3)]
    assert {"crm_id:K1", "crm_id:K3", "email:two@post.example"} in resolved(links).groups()


def test_a_shared_address_joins_nobody_by_another_way() -> None:
    family = "email:huber.family@post.example"
    links = [Link("trait", f"user_id:u{n}", family, n) for n in (1, 2)]
    links += [
        Link("login", "user_id:u1", "cookie:c1"),
        Link("email_click", family, "cookie:c1", 5),
        Link("guest_order", family, "phone:+436605551234", 6),
    ]
    assert frozenset({family}) in resolved(links).groups()


def test_nothing_slips_in_when_one_of_many_is_separated() -> None:
    names = [f"c{n}" for n in range(9)]
    memory = resolved(ordered(AGENT, names))
    before = memory.groups()
    memory.cut(AGENT, "email:c0@post.example")
    memory.resolve()
    assert memory.groups() == before


def test_the_order_of_arrival_decides_nothing() -> None:
    family = "email:huber.family@post.example"
    links = [Link("trait", f"user_id:u{n}", family, n) for n in range(3)]
    links += [link for n in range(4) for link in contact(f"c{n}", n)]
    links += ordered(AGENT, [f"c{n}" for n in range(4)])
    whole = resolved(links)
    for seed in range(3):
        memory = Memory()
        shuffled = random.Random(seed).sample(links, len(links))
        for part in (shuffled[:5], shuffled[5:12], shuffled[12:]):
            memory.add(part)
            memory.resolve()
        assert memory.groups() == whole.groups()
        assert memory.refused() == whole.refused()


PEOPLE = [f"c{n}" for n in range(3)]
ADDRESSES = [address for name in PEOPLE for address in sorted(own(name))[1:]]


def claims(*rules: str) -> st.SearchStrategy[list[Link]]:
    """Statements of strangers about addresses of these people."""
    accounts = st.sampled_from([f"user_id:s{n}" for n in range(6)])
    return st.lists(
        st.builds(
            Link, st.sampled_from(rules), accounts, st.sampled_from(ADDRESSES), st.integers(0, 90)
        ),
        max_size=20,
    )


# An account that claims both addresses of a contact as its own is no stranger to it, unless the CRM
# names the account of the contact.
cases = st.one_of(
    st.tuples(st.just(True), claims("trait", "billing", "order", "form")),
    st.tuples(st.just(False), claims("order", "form")),
)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases, st.booleans())
def test_records_of_strangers_never_move_an_address_to_another_person(
    case: tuple[bool, list[Link]], is_later: bool
) -> None:
    is_linked, found = case
    memory = Memory()
    memory.add([link for name in PEOPLE for link in contact(name, 40, account=True)])
    if is_linked:
        memory.add([Link("crm", f"crm_id:K{name}", f"user_id:A{name}", 40) for name in PEOPLE])
    if is_later:
        memory.resolve(datetime(2026, 5, 1))
    memory.add(found)
    memory.resolve()
    of = memory.mapping()
    for name in PEOPLE:
        for address in (f"email:{name}@post.example", phone(name)):
            keys = {
                other
                for other, profile in of.items()
                if profile == of[address] and other.startswith(("user_id:", "crm_id:"))
            }
            assert keys <= {f"user_id:A{name}", f"crm_id:K{name}"}, address
