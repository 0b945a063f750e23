"""Values that identify nobody, in identity as a whole: they join nobody, and what they joined comes
apart.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.identity.memory import Link, Memory, groups, resolved


def people(value: str, number: int, rule: str = "trait") -> list[Link]:
    """So many people, each with an address and a record that joins it with the value."""
    kind = value.partition(":")[0]
    if kind == "user_id":
        return [Link(rule, value, f"email:p{n}@post.example", n) for n in range(number)]
    return [Link(rule, f"crm_id:K{n}00{n}", value, n) for n in range(number)]


@pytest.mark.parametrize(
    "value",
    [
        "user_id:[object Window]",
        "user_id:not_signed_in",
        "user_id:${uid}",
        "device_id:00000000-0000-0000-0000-000000000000",
    ],
)
def test_a_placeholder_joins_nobody_and_is_counted(value: str) -> None:
    memory = resolved(people(value, 3))
    assert all(len(group) == 1 for group in memory.groups())
    assert memory.rows("select reason, records from identity.refused_identifiers") == [
        ("placeholder", 3)
    ]


@pytest.mark.parametrize(
    ("value", "most"),
    [
        ("user_id:guest_7", 1), ("user_id:no-such-person", 1), ("user_id:gibtsnicht", 3),
        ("user_id:c0ffee77", 20),
        ("email:office@post.example", 1), ("email:mayer@mayer.example", 1), ("email:x9@yopmail.com",
        1),
        ("email:eva@post.example", 10), ("phone:+436605555555", 1),
    ],
)  # fmt: skip
def test_a_value_joins_few_people_if_it_looks_made_up_and_none_above_its_limit(
    value: str, most: int
) -> None:
    memory = Memory()
    memory.policy = {
        **memory.policy,
        "types": [{**kind, "most_per_profile": 50} for kind in memory.policy["types"]],
    }
    memory.set_policy(memory.policy)
    links = people(value, most + 1)
    memory.add(links[:-1])
    memory.resolve()
    assert len(memory.groups()) == 1
    memory.add(links[-1:])
    memory.resolve()
    assert all(len(group) == 1 for group in memory.groups()), "those that it had joined come apart"
    assert memory.rows("select reason, count(*) from identity.refused_links group by all") == [
        ("hub", most + 1)
    ]
    partial = memory.groups()
    memory.resolve(is_whole=True)
    assert memory.groups() == partial


def test_words_may_be_user_ids_if_the_policy_allows_it() -> None:
    memory = Memory()
    kinds = [
        {**kind, "low_limits": False} if kind["name"] == "user_id" else kind
        for kind in memory.policy["types"]
    ]
    memory.set_policy({**memory.policy, "types": kinds})
    memory.add(people("user_id:anna", 5))
    memory.resolve()
    assert len(memory.groups()) == 1


def test_spellings_of_spreadsheets_programs_and_keyboards_are_one() -> None:
    spellings = [
        "user_id:220033",
        "user_id:220033.0",
        "user_id:\u200b220033",
        "user_id:2.20033E+05",
        'user_id:"220033"',
    ]
    memory = resolved([Link("login", user, f"cookie:c{n}", n) for n, user in enumerate(spellings)])
    assert memory.groups() == groups(
        {"user_id:220033", *(f"cookie:c{n}" for n in range(len(spellings)))}
    )
    addresses = [
        "email:zo\u00eb@b\u00fccher.de",
        "email:zoe\u0308@XN--BCHER-KVA.de ",
        "email:Zo\u00eb <zo\u00eb@b\u00fccher.de>",
    ]
    memory = resolved([Link("crm_email", "crm_id:K1", address) for address in addresses])
    assert memory.groups() == groups({"crm_id:K1", "email:zo\u00eb@xn--bcher-kva.de"})


def test_a_number_that_lost_its_digits_joins_nobody() -> None:
    memory = resolved([Link("crm_phone", f"crm_id:K{n}", "phone:4.36601E+11", n) for n in range(2)])
    assert memory.groups() == groups({"crm_id:K0"}, {"crm_id:K1"})
    assert memory.rows("select reason from identity.refused_identifiers") == [("lost_digits",)]


def test_keys_that_differ_by_case_are_two() -> None:
    keys = ["user_id:xY77", "user_id:XY77"]
    memory = resolved(
        [Link("trait", key, f"email:p{n}@post.example") for n, key in enumerate(keys)]
    )
    assert len(memory.groups()) == 2
    chain = resolved([Link("trait", *pair) for pair in pairwise([keys[0], "email:p@post.example"])])
    assert chain.mapping().keys() == {keys[0], "email:p@post.example"}
