"""Different birth dates and names keep people apart who share an address, and nobody is split who
states the same, less, or a new last name.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.identity.memory import AS_OF, Link, Memory, groups, resolved

FAMILY = "email:huber.family@post.example"
NAMES = ["Anna", "Peter", "Ines", "Oskar", "Uta", "Jakub"]


def contacts(number: int, address: str = FAMILY) -> list[Link]:
    """Contacts that state one address and a phone number each."""
    rule = "crm_email" if address.startswith("email") else "crm_phone"
    own = [Link("crm_phone", f"crm_id:K{n}", phone(n)) for n in range(number)]
    return [*own, *(Link(rule, f"crm_id:K{n}", address, n) for n in range(number))]


def phone(number: int) -> str:
    return f"phone:+43660550{1000 + number}"


def named(number: int, last: str = "Huber") -> dict[str, str]:
    return {f"crm_id:K{n}": f"{NAMES[n]}|{last}" for n in range(number)}


@pytest.mark.parametrize("number", [2, 3, 5])
def test_a_family_that_shares_an_address_is_not_one_person(number: int) -> None:
    memory = resolved(contacts(number), named(number))
    assert memory.groups() == groups({FAMILY}, *({f"crm_id:K{n}", phone(n)} for n in range(number)))
    assert set(memory.refused().values()) == {"shared_email"}


@pytest.mark.parametrize("number", [2, 3])
def test_an_office_of_few_is_not_one_person(number: int) -> None:
    office = "phone:+436605559999"
    births = {f"crm_id:K{n}": f"|||{n}" for n in range(number)} | {
        f"crm_id:K{n}": f"||{1950 + 11 * n}-0{n + 2}-1{n}" for n in range(number)
    }
    memory = resolved(contacts(number, office), births)
    assert memory.groups() == groups({office}, *({f"crm_id:K{n}", phone(n)} for n in range(number)))
    (detail,) = set(memory.rows("select detail from identity.refused_links"))
    assert detail == (f"shared by {number} people with different birth dates",)


ONE = [
    ("Anna|Huber", "Anna|Huber"),
    ("Anna|Huber|1980-03-04", "Anna|Klein|1980-03-04"),
    ("Anna|Huber", "Anna|Klein"),
    ("Katharina|Huber", "Kathi|Hubr"),
    ("Anna|Huber", "Huber|Anna"),
    ("Anna|Huber", "Анна|Хубер"),
    ("Anna|Huber", "|"),
    ("|", "|"),
]


@pytest.mark.parametrize(("one", "other"), ONE)
def test_a_contact_that_was_entered_twice_is_one_person(one: str, other: str) -> None:
    memory = resolved(contacts(2), {"crm_id:K0": one, "crm_id:K1": other})
    assert len(memory.groups()) == 1
    assert not memory.refused()


def test_an_order_with_the_address_of_another_joins_nobody() -> None:
    links = [
        Link("crm_email", "crm_id:K1", "email:k1@post.example"),
        Link("login", "user_id:u77", "cookie:c1"),
        Link("crm", "crm_id:K2", "user_id:u77"),
        Link("order", "user_id:u77", "email:k1@post.example"),
        Link("guest_order", "email:k1@post.example", "cookie:c1"),
    ]
    memory = resolved(links, {"crm_id:K1": "Anna|Huber", "crm_id:K2": "Peter|Klein"})
    assert memory.groups() == groups(
        {"crm_id:K1", "email:k1@post.example"}, {"crm_id:K2", "user_id:u77", "cookie:c1"}
    )
    assert set(memory.refused().values()) == {"differs_name"}
    (detail,) = {row[0] for row in memory.rows("select detail from identity.refused_links")}
    assert detail == "different names"


def test_an_account_that_orders_for_two_contacts_is_neither() -> None:
    links = [Link("crm_email", f"crm_id:K{n}", f"email:k{n}@post.example") for n in (0, 1)]
    links += [Link("order", "user_id:u77", f"email:k{n}@post.example") for n in (0, 1)]
    memory = resolved(links, named(2))
    assert {"user_id:u77"} in memory.groups()
    assert set(memory.refused().values()) == {"shared_user_id"}


def test_what_an_account_states_of_its_person_counts() -> None:
    links = [
        Link("crm_email", "crm_id:K1", "email:k1@post.example"),
        Link("trait", "user_id:u77", "email:k1@post.example"),
    ]
    people = {"crm_id:K1": "Anna|Huber|1980-03-04", "user_id:u77": "Uta|Klein|1955-10-12"}
    assert len(resolved(links, people).groups()) == 3
    assert len(resolved(links, people | {"user_id:u77": "Anna|Klein"}).groups()) == 1


def test_a_contact_that_the_crm_places_in_an_account_stays_there() -> None:
    links = [Link("crm", f"crm_id:K{n}", "user_id:u77") for n in (0, 1)]
    links += [Link("crm_email", f"crm_id:K{n}", FAMILY) for n in (0, 1)]
    assert len(resolved(links, named(2)).groups()) == 1


def test_a_chain_of_claims_gives_no_address_to_a_stranger() -> None:
    """An account that states the address of one contact and the number of another."""
    links = [
        *contacts(2, "phone:+436605559999")[:2],
        Link("crm_email", "crm_id:K0", "email:k0@post.example"),
        Link("trait", "user_id:u77", "email:k0@post.example"),
        Link("trait", "user_id:u77", phone(1)),
        Link("email_click", "email:k0@post.example", "cookie:c1", 5),
    ]
    memory = resolved(links, named(2))
    assert memory.groups() == groups(
        {"crm_id:K0", phone(0)},
        {"crm_id:K1"},
        {"user_id:u77"},
        {"email:k0@post.example"},
        {phone(1)},
        {"cookie:c1"},
    )
    assert set(memory.refused().values()) == {"shared_email", "shared_phone"}


def test_without_differences_in_the_policy_nothing_is_compared() -> None:
    policy = {**Memory().policy, "differences": []}
    assert len(resolved(contacts(2), named(2), policy=policy).groups()) == 1
    policy["differences"] = ["birth_date"]
    assert len(resolved(contacts(2), named(2), policy=policy).groups()) == 1
    people = {"crm_id:K0": "Anna|Huber|1950-06-07", "crm_id:K1": "Peter|Huber|1979-11-23"}
    for traits in (["birth_date"], ["name"]):
        policy["differences"] = traits
        memory = resolved(contacts(2), people, policy=policy)
        assert len(memory.groups()) == 3


def test_a_corrected_name_joins_and_separates_in_the_next_run() -> None:
    memory = resolved(contacts(2), named(2))
    assert len(memory.groups()) == 3
    for day, (name, number) in enumerate([("Anna|Huber", 1), ("Jakub|Huber", 3)], start=1):
        memory.describe("crm_id:K1", name)
        memory.resolve(AS_OF + timedelta(days=day))
        assert len(memory.groups()) == number


def test_a_reviewer_decides_against_names() -> None:
    memory = resolved(contacts(3), named(3))
    memory.review("crm_id:K0", "crm_id:K1", "accepted")
    memory.resolve()
    assert {"crm_id:K0", "crm_id:K1", phone(0), phone(1)} in memory.groups()
    assert {"crm_id:K2", phone(2)} in memory.groups()


def test_two_contacts_of_a_refused_pair_are_two_people_whatever_they_share() -> None:
    links = [
        *contacts(2),
        Link("order", "user_id:u77", phone(0)),
        Link("crm_email", "crm_id:K5", FAMILY),
    ]
    memory = resolved(links)
    assert len(memory.groups()) == 1
    memory.review("crm_id:K0", "crm_id:K1", "refused")
    memory.resolve()
    assert memory.groups() == groups(
        {"crm_id:K0", phone(0), "user_id:u77"}, {"crm_id:K1", phone(1)}, {FAMILY}, {"crm_id:K5"}
    )
    (detail,) = {row[0] for row in memory.rows("select detail from identity.refused_links")}
    assert detail == "shared by 3 people with a reviewer's decision that they are two"


STRANGERS = {
    "crm_id:S0": "Xenia|Adler", "crm_id:S1": "Gustav|Baker|1949-02-03",
    "user_id:s0": "Wendy|Carter", "user_id:s1": "Quentin|Dubois|1999-12-24",
}  # fmt: skip
OWN = [("email:k0@post.example", 0), ("email:k1@post.example", 1), (phone(0), 0), (phone(1), 1)]
claim = st.builds(
    lambda who, address, rule: Link(
        ("crm_email" if address.startswith("email") else "crm_phone") if who[0] == "c" else rule,
        who,
        address,
        30,
    ),
    st.sampled_from(sorted(STRANGERS)),
    st.sampled_from([address for address, _ in OWN]),
    st.sampled_from(["trait", "billing", "order", "form"]),
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(claim, max_size=12), st.booleans())
def test_records_of_named_strangers_never_move_an_address_to_another_person(
    claims: list[Link], is_later: bool
) -> None:
    owned = [Link("crm_phone", f"crm_id:K{n}", phone(n)) for n in (0, 1)]
    owned += [Link("crm_email", f"crm_id:K{n}", f"email:k{n}@post.example") for n in (0, 1)]
    memory = resolved(owned, named(2) | STRANGERS)
    if not is_later:
        memory = Memory()
        memory.add(owned)
        for name, person in (named(2) | STRANGERS).items():
            memory.describe(name, person)
    memory.add(claims)
    memory.resolve()
    of = memory.mapping()
    refused = memory.refused()
    for address, number in OWN:
        owner = f"crm_id:K{number}"
        keys = {
            name for name, profile in of.items()
            if profile == of[address] and name.startswith(("user_id:", "crm_id:"))
        }  # fmt: skip
        assert keys <= {owner}, address
        if not keys:
            assert refused[frozenset({owner, address})].startswith(("shared_", "hub")), (
                "the owner keeps it as a contact point"
            )


CONTACTS = [f"crm_id:K{n}" for n in range(4)]
USERS = [f"user_id:u{n}" for n in range(3)]
ADDRESSES = [f"email:e{n}@example.com" for n in range(3)] + [phone(n) for n in range(2)]
PEOPLE = [
    "Anna|Huber", "Anna|Klein|1980-03-04", "Peter|Huber|1955-10-12", "|", "Peter|Huber|1991-07-23",
    "Kathi|Adler", "Katharina|Adler|1980-03-04",
]  # fmt: skip
link = st.one_of(
    st.builds(
        Link, st.sampled_from(["crm_email"]), st.sampled_from(CONTACTS), st.sampled_from(ADDRESSES)
    ),
    st.builds(
        Link,
        st.sampled_from(["trait", "order"]),
        st.sampled_from(USERS),
        st.sampled_from(ADDRESSES),
    ),
    st.builds(Link, st.just("crm"), st.sampled_from(CONTACTS), st.sampled_from(USERS)),
)
described = st.tuples(st.sampled_from(CONTACTS + USERS), st.sampled_from(PEOPLE))
step = st.tuples(st.lists(link, max_size=8), st.lists(described, max_size=4))
TABLES = {
    "person_statements": "*",
    "refused_links": "*",
    "identifier_mapping": "*",
    "profile_ids": "*",
}


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(step, min_size=1, max_size=4))
def test_an_incremental_resolution_equals_a_full_rebuild(
    steps: list[tuple[list[Link], list[tuple[str, str]]]],
) -> None:
    homes = [Memory() for _ in range(2)]
    for day, (links, people) in enumerate(steps):
        for memory, is_whole in zip(homes, (False, True), strict=True):
            memory.add(links)
            for name, person in people:
                memory.describe(name, person)
            memory.resolve(datetime(2026, 6, 1) + timedelta(days=day), is_whole=is_whole)
        for table, columns in TABLES.items():
            partial, whole = (
                memory.rows(f"select {columns} from identity.{table} order by all")
                for memory in homes
            )
            assert partial == whole, table


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(link, max_size=16), st.lists(described, max_size=7), st.integers(0, 99))
def test_the_order_of_arrival_decides_nothing(
    links: list[Link], people: list[tuple[str, str]], seed: int
) -> None:
    last = dict(people)
    whole = resolved(links, last)
    memory = Memory()
    shuffled = random.Random(seed).sample(links, len(links))
    names = random.Random(seed).sample(sorted(last), len(last))
    for part in range(3):
        memory.add(shuffled[part::3])
        for name in names[part::3]:
            memory.describe(name, last[name])
        memory.resolve()
    assert memory.groups() == whole.groups()
    assert memory.refused() == whole.refused()
