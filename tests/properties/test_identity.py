"""Identity is a function of what is known: no order, batch split or interleaving of runs changes
who is one person.
"""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.identity.memory import Link, Memory, resolved

USERS = [f"user_id:u{n}" for n in range(4)]
COOKIES = [f"cookie:c{n}" for n in range(5)]
EMAILS = [f"email:e{n}@example.com" for n in range(3)]
DEVICES = [f"device_id:d{n}" for n in range(7)]
FULL = datetime(2026, 6, 1)

link = st.one_of(
    st.builds(
        Link, st.just("login"), st.sampled_from(USERS), st.sampled_from(COOKIES), st.integers(0, 9)
    ),
    st.builds(
        Link,
        st.sampled_from(["trait", "order"]),
        st.sampled_from(USERS),
        st.sampled_from(EMAILS),
        st.integers(0, 9),
    ),
    st.builds(
        Link,
        st.sampled_from(["email_click", "guest_order"]),
        st.sampled_from(EMAILS),
        st.sampled_from(COOKIES),
        st.integers(0, 9),
    ),
    st.builds(
        Link,
        st.just("device"),
        st.sampled_from(COOKIES),
        st.sampled_from(DEVICES),
        st.integers(0, 9),
    ),
)
links = st.lists(link, max_size=25)
# A case is some ten runs of the whole identity SQL, about 0.1 s each: few cases, each with much in
# it.
cases = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@cases
@given(links, st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_and_any_batch_split_give_the_same_partition(
    found: list[Link], random, batches: int
) -> None:  # type: ignore[no-untyped-def]
    whole = resolved(found)
    shuffled = random.sample(found, len(found))
    memory = Memory()
    for batch in range(batches):
        memory.add(shuffled[batch::batches])
        memory.resolve()
    assert memory.groups() == whole.groups()
    assert memory.refused() == whole.refused()


@pytest.mark.slow
@cases
@given(links, st.integers(2, 4))
def test_an_id_never_moves_to_another_person_and_always_resolves(
    found: list[Link], batches: int
) -> None:
    memory = Memory()
    users = {}
    for batch in range(batches):
        memory.add(found[batch::batches])
        memory.resolve(FULL + timedelta(days=batch))
        mapping = memory.mapping()
        for name, profile in mapping.items():
            if name.startswith("user_id:"):
                assert users.setdefault(profile, name) == name, "an id moved to another user"
        resolution = memory.resolution()
        assert set(resolution.values()) <= set(mapping.values()), "an id has no current profile"
        assert set(mapping.values()) <= set(resolution)


@pytest.mark.slow
@cases
@given(links)
def test_limits_are_enforced_and_every_refusal_is_recorded(found: list[Link]) -> None:
    memory = resolved(found)
    profile_of = memory.mapping()
    refused = memory.refused()
    for group in memory.groups():
        assert sum(name.startswith("user_id:") for name in group) <= 1
        assert sum(name.startswith("device_id:") for name in group) <= 5
    for one in found:
        ends = frozenset({one.left, one.right})
        assert (profile_of[one.left] == profile_of[one.right]) or ends in refused


@pytest.mark.slow
@cases
@given(links, st.data())
def test_merge_then_undo_restores_the_former_ids(found: list[Link], data: st.DataObject) -> None:
    one = data.draw(
        st.builds(
            Link,
            st.just("email_click"),
            st.sampled_from(EMAILS),
            st.sampled_from(COOKIES),
            st.just(9),
        )
    )
    if any({one.left, one.right} == {x.left, x.right} for x in found):
        return
    memory = Memory()
    memory.add([*found, Link("seen", one.left, "", 9), Link("seen", one.right, "", 9)])
    memory.resolve()
    before = memory.mapping()
    memory.add([one])
    memory.resolve(FULL + timedelta(days=1))
    memory.cut(one.left, one.right)
    memory.resolve(FULL + timedelta(days=2))
    assert memory.mapping() == before


TABLES = {
    "identifier_values": "*",
    "identifiers": "* exclude (node)",
    "identifier_links": "* exclude (left_node, right_node)",
    "refused_links": "*",
    "profile_ids": "*",
    "profile_resolution": "profile_id, current_profile_id",
    "identifier_mapping": "*",
    "id_mapping_scd": "*",
    "merge_events": "*",
}


def tight() -> dict[str, Any]:
    """The policy with limits that few links break, so that identifiers become hubs and cease to
    be.
    """
    policy = copy.deepcopy(Memory().policy)
    limits = {
        "cookie": {"most_people": 2, "most_links": 4},
        "device_id": {"most_people": 2, "most_per_profile": 2},
    }
    for kind in policy["types"]:
        kind.update(limits.get(kind["name"], {}))
    return policy


# Two guests on one cookie, whose links are refused; then a record of one of them shows an earlier
# order, and then a later one again: the reason stays, the evidence does not.
_GUESTS = [
    (
        False,
        [
            Link("guest_order", "email:e1@example.com", "cookie:c0", 9),
            Link("guest_order", "email:e1@example.com", "cookie:c0", 5),
            Link("guest_order", "email:e0@example.com", "cookie:c0", 7),
        ],
    ),
    (True, []),
    (False, [Link("guest_order", "email:e1@example.com", "cookie:c0", 9)]),
]


@pytest.mark.slow
@cases
@example(_GUESTS, True)
@given(
    st.lists(st.tuples(st.booleans(), st.lists(link, max_size=8)), min_size=1, max_size=4),
    st.booleans(),
)
def test_an_incremental_resolution_equals_a_full_rebuild(
    steps: list[tuple[bool, list[Link]]], is_tight: bool
) -> None:
    homes = [Memory(policy=tight()) if is_tight else Memory() for _ in range(2)]
    landed: list[Link] = []
    for day, (is_deleting, found) in enumerate(steps):
        deleted = landed[::3] if is_deleting else []
        landed = [one for one in landed if one not in deleted] + found
        for memory, is_whole in zip(homes, (False, True), strict=True):
            memory.forget(deleted)
            memory.add(found)
            memory.resolve(FULL + timedelta(days=day), is_whole=is_whole)
        for table, columns in TABLES.items():
            partial, whole = (
                m.rows(f"select {columns} from identity.{table} order by all") for m in homes
            )
            assert partial == whole, table
