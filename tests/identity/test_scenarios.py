"""Who is one person: cases in which plain connected components are wrong, and cases that break
naive code.
"""

from __future__ import annotations

import copy
import time
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.identity.memory import AS_OF, Link, Memory, groups, resolved


def unlimited() -> dict[str, Any]:
    """A policy without any limit."""
    policy = copy.deepcopy(Memory().policy)
    policy["types"] = [{"name": kind["name"]} for kind in policy["types"]]
    return policy


def test_two_user_ids_behind_one_cookie_stay_two_people() -> None:
    memory = resolved(
        [
            Link("login", "user_id:u1", "cookie:shared", 1),
            Link("login", "user_id:u2", "cookie:shared", 2),
            Link("login", "user_id:u2", "cookie:own", 3),
        ]
    )
    assert memory.groups() == groups(
        {"user_id:u1"}, {"cookie:shared"}, {"user_id:u2", "cookie:own"}
    ), "it is nobody's, not the first one's"
    assert memory.refused() == {
        frozenset({f"user_id:u{n}", "cookie:shared"}): "shared_cookie" for n in (1, 2)
    }


def test_a_device_shared_by_a_family_joins_nobody_who_logs_in() -> None:
    memory = resolved(
        [
            Link("device", "cookie:c1", "device_id:tablet", 0),
            Link("device", "cookie:c2", "device_id:tablet", 1),
            Link("login", "user_id:mother", "cookie:c1", 5),
            Link("login", "user_id:father", "cookie:c2", 6),
        ]
    )
    assert memory.groups() == groups(
        {"user_id:mother", "cookie:c1"}, {"user_id:father", "cookie:c2"}, {"device_id:tablet"}
    )
    assert memory.refused() == {
        frozenset({f"cookie:c{n}", "device_id:tablet"}): "shared_device_id" for n in (1, 2)
    }


def test_a_merge_followed_by_a_login_of_another_person() -> None:
    memory = Memory()
    memory.add(
        [
            Link("login", "user_id:u1", "cookie:phone", 1),
            Link("order", "email:a@example.com", "cookie:laptop", 1),
        ]
    )
    memory.resolve(datetime(2026, 1, 10))
    memory.add([Link("email_click", "email:a@example.com", "cookie:phone", 15)])
    memory.resolve(datetime(2026, 2, 1))
    merged = groups({"user_id:u1", "cookie:phone", "email:a@example.com", "cookie:laptop"})
    assert memory.groups() == merged
    memory.add([Link("login", "user_id:u2", "cookie:laptop", 40)])
    memory.resolve()
    # A log-in is stronger than a guest's order and a click: the laptop, and what hangs on it, is
    # the second user's.
    assert memory.groups() == groups(
        {"user_id:u1", "cookie:phone"}, {"user_id:u2", "cookie:laptop", "email:a@example.com"}
    )
    assert memory.refused() == {frozenset({"email:a@example.com", "cookie:phone"}): "limit_user_id"}


def test_a_renamed_user_id_is_one_person_with_its_old_name() -> None:
    memory = resolved(
        [
            Link("alias", "user_id:new", "user_id:old", 5),
            Link("login", "user_id:old", "cookie:c1", 1),
            Link("login", "user_id:new", "cookie:c2", 6),
            Link("login", "user_id:other", "cookie:c3", 7),
            Link("email_click", "email:a@example.com", "cookie:c2", 8),
            Link("email_click", "email:a@example.com", "cookie:c3", 8),
        ]
    )
    assert memory.groups() == groups(
        {"user_id:new", "user_id:old", "cookie:c1", "cookie:c2"},
        {"user_id:other", "cookie:c3"},
        {"email:a@example.com"},
    )


def test_beyond_the_limit_of_devices_none_is_the_persons() -> None:
    links = [Link("device", "user_id:u1", f"device_id:d{n}", n) for n in range(21)]
    devices = {f"device_id:d{n}" for n in range(21)}
    memory = resolved(links[:20])
    assert memory.groups() == groups({"user_id:u1"} | devices - {"device_id:d20"})
    memory = resolved(links)
    assert memory.groups() == groups({"user_id:u1"}, *({one} for one in devices))
    assert set(memory.refused().values()) == {"shared_user_id"}


def test_a_kiosk_cookie_joins_nobody_and_is_reported() -> None:
    links = [Link("login", f"user_id:u{n}", "cookie:kiosk", n) for n in range(6)]
    memory = resolved([*links, Link("guest_order", "email:ann@example.com", "cookie:kiosk", 9)])
    assert frozenset({"cookie:kiosk"}) in memory.groups()
    assert memory.refused() == {
        **{frozenset({f"user_id:u{n}", "cookie:kiosk"}): "hub" for n in range(6)},
        frozenset({"email:ann@example.com", "cookie:kiosk"}): "hub",
    }


def test_two_guests_at_one_till_are_two_people() -> None:
    first = [
        Link("guest_order", "email:ann@example.com", "cookie:till", 1),
        Link("anonymous_trait", "cookie:till", "email:ann@example.com", 1),
        Link("guest_order", "email:ann@example.com", "phone:+4930901820", 1),
        Link("device", "cookie:till", "device_id:d1", 1),
    ]
    ann = {"email:ann@example.com", "phone:+4930901820"}
    assert resolved(first).groups() == groups(ann | {"cookie:till", "device_id:d1"}), (
        "one guest alone: it is hers"
    )
    memory = resolved([*first, Link("anonymous_trait", "cookie:till", "email:bob@example.com", 2)])
    assert memory.groups() == groups(
        ann, {"email:bob@example.com"}, {"cookie:till", "device_id:d1"}
    )
    assert set(memory.refused().values()) == {"hub"}


def test_a_chain_of_ten_thousand_is_one_group_without_limits() -> None:
    links = [Link("login", f"cookie:n{n:05}", f"cookie:n{n + 1:05}", 0) for n in range(9_999)]
    started = time.perf_counter()
    memory = resolved(links, policy=unlimited())
    print(f"chain of 10,000: {time.perf_counter() - started:.1f} s")
    (group,) = memory.groups()
    assert len(group) == 10_000


def test_a_chain_of_ten_thousand_people_is_cut_between_any_two() -> None:
    ends = [f"{'user_id' if n % 2 == 0 else 'cookie'}:n{n:05}" for n in range(10_000)]
    links = [
        Link("login", *sorted(pair, reverse=True), day) for day, pair in enumerate(pairwise(ends))
    ]
    memory = resolved([Link(x.rule, x.left, x.right, x.day % 100) for x in links])
    # Each cookie but the last one is of two people, so it is nobody's.
    sizes = sorted(len(group) for group in memory.groups())
    assert sizes == [1] * 9_998 + [2]
    assert all(sum(name.startswith("user_id") for name in group) <= 1 for group in memory.groups())


def test_where_no_identifier_is_shared_all_links_of_the_place_are_refused() -> None:
    chain = [
        Link("device", "cookie:c1", "device_id:d1", 1),
        Link("device", "cookie:c2", "device_id:d1", 2),
        Link("device", "cookie:c2", "device_id:d2", 3),
        Link("device", "cookie:c3", "device_id:d2", 4),
    ]
    ends = [Link("login", "user_id:u1", "cookie:c1"), Link("login", "user_id:u3", "cookie:c3")]
    loose = Link("device", "cookie:c9", "device_id:d1", 0)
    memory = resolved([*chain, *ends, loose])
    assert memory.groups() == groups(
        {"user_id:u1", "cookie:c1"},
        {"device_id:d1", "cookie:c9"},
        {"cookie:c2"},
        {"device_id:d2"},
        {"user_id:u3", "cookie:c3"},
    )
    assert set(memory.refused().values()) == {"limit_user_id"}


@pytest.mark.parametrize("hub", ["cookie:hub", "user_id:hub"])
def test_a_hub_of_a_hundred_thousand_joins_no_one(hub: str) -> None:
    other = "user_id" if hub.startswith("cookie") else "cookie"
    started = time.perf_counter()
    memory = resolved(
        [Link("login", *sorted((hub, f"{other}:n{n:06}"), reverse=True), 0) for n in range(100_000)]
    )
    print(f"hub of 100,000: {time.perf_counter() - started:.1f} s")
    assert memory.rows("select count(distinct profile_id) from identity.identifier_mapping") == [
        (100_001,)
    ]
    assert memory.rows("select reason, count(*) from identity.refused_links group by all") == [
        ("hub", 100_000)
    ]


def test_a_cycle_is_one_group() -> None:
    names = ["user_id:u", "cookie:a", "email:e@example.com", "cookie:b"]
    memory = resolved(
        [Link("order", *pair) for pair in zip(names, [*names[1:], names[0]], strict=True)]
    )
    assert memory.groups() == groups(names)


def test_an_identifier_is_not_linked_to_itself() -> None:
    memory = resolved(
        [
            Link("alias", "user_id:u1", "user_id:u1"),
            Link("trait", "email:A@example.com", "email:a@example.com "),
        ]
    )
    assert memory.groups() == groups({"user_id:u1"}, {"email:a@example.com"})
    assert memory.rows("select count(*) from identity.identifier_links") == [(0,)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cookie:", "empty"),
        ("cookie:   ", "empty"),
        ("user_id:NULL", "placeholder"),
        ("user_id:undefined", "placeholder"),
        ("cookie:0000", "placeholder"),
        ("email:test@example.com", "not_a_person"),
        ("email:nobody", "not_a_valid_email"),
        ("phone:000-000", "placeholder"),
        ("phone:12", "not_a_valid_phone"),
        ("cookie:" + "x" * 400, "too_long"),
    ],
)
def test_values_that_identify_nobody_are_refused_and_join_nobody(name: str, reason: str) -> None:
    memory = resolved([Link("order", "user_id:u1", name, 1), Link("order", "user_id:u2", name, 2)])
    assert memory.groups() == groups({"user_id:u1"}, {"user_id:u2"})
    assert memory.rows("select reason from identity.refused_identifiers") == [(reason,)]


def test_spellings_of_one_identifier_are_one() -> None:
    memory = resolved(
        [
            Link("trait", "user_id:u1", "email: Ann@Example.com", 1),
            Link("guest_order", "email:ann@example.com", "phone:+49 (0)30 901820", 2),
            Link("guest_order", "phone:0049-30-901820", "cookie:c1", 3),
        ]
    )
    assert memory.groups() == groups(
        {"user_id:u1", "email:ann@example.com", "phone:+4930901820", "cookie:c1"}
    )


def test_nothing_at_all_gives_no_profile() -> None:
    memory = resolved([])
    assert memory.groups() == set()


def test_a_fact_after_as_of_is_not_known_yet() -> None:
    memory = Memory()
    memory.add(
        [Link("login", "user_id:u1", "cookie:c1", 10), Link("login", "user_id:u1", "cookie:c2", 50)]
    )
    memory.resolve(datetime(2026, 2, 1))
    assert memory.groups() == groups({"user_id:u1", "cookie:c1"})
    memory.resolve(AS_OF)
    assert memory.groups() == groups({"user_id:u1", "cookie:c1", "cookie:c2"})
