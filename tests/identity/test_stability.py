"""profile_id: given once, kept through merges, splits, blocked holders and rebuilds."""

from __future__ import annotations

import copy
from datetime import datetime

from tests.identity.memory import AS_OF, Link, Memory, groups

FEBRUARY = datetime(2026, 2, 1)


def merged() -> tuple[Memory, str, str]:
    """An anonymous cookie's profile and a user's, merged by a log-in; with the two ids from
    before.
    """
    memory = Memory()
    memory.add(
        [Link("seen", "cookie:c1", "", 1), Link("trait", "user_id:u1", "email:ann@example.com", 2)]
    )
    memory.resolve(FEBRUARY)
    before = memory.mapping()
    memory.add([Link("login", "user_id:u1", "cookie:c1", 40)])
    memory.resolve()
    return memory, before["cookie:c1"], before["user_id:u1"]


def test_the_older_id_survives_and_the_other_keeps_resolving() -> None:
    memory, older, younger = merged()
    assert set(memory.mapping().values()) == {older}
    assert memory.resolution() == {older: older, younger: older}


def test_a_merge_is_an_event_with_its_evidence() -> None:
    memory, older, younger = merged()
    rows = memory.rows(
        "select event, merged_profile_id, surviving_profile_id, merged_at, rule, evidence from"
        " identity.merge_events"
    )
    assert rows == [
        (
            "merge",
            younger,
            older,
            AS_OF,
            "login",
            Link("login", "user_id:u1", "cookie:c1", 40).record_id,
        )
    ]


def test_history_closes_one_period_and_opens_the_next() -> None:
    memory, older, younger = merged()
    rows = memory.rows(
        "select profile_id, valid_from, valid_to from identity.id_mapping_scd"
        " where identifier = 'u1' order by valid_from"
    )
    assert rows == [(younger, datetime(2026, 1, 3), AS_OF), (older, AS_OF, None)]


def test_a_second_run_changes_nothing() -> None:
    memory, _, _ = merged()
    tables = [
        "identifier_mapping",
        "id_mapping_scd",
        "merge_events",
        "profile_ids",
        "refused_links",
    ]
    before = [memory.rows(f"select * from identity.{table} order by all") for table in tables]
    memory.resolve()
    assert [
        memory.rows(f"select * from identity.{table} order by all") for table in tables
    ] == before


def test_undoing_a_merge_restores_ids_and_members() -> None:
    memory, older, younger = merged()
    memory.cut("user_id:u1", "cookie:c1")
    memory.resolve()
    assert memory.groups() == groups({"cookie:c1"}, {"user_id:u1", "email:ann@example.com"})
    assert memory.mapping()["cookie:c1"] == older
    assert memory.mapping()["user_id:u1"] == younger
    assert memory.refused() == {frozenset({"user_id:u1", "cookie:c1"}): "cut"}
    memory.resolve()
    assert memory.mapping()["cookie:c1"] == older, "it stays undone"


def test_an_id_follows_the_user_when_a_cookie_turns_out_to_be_of_another_too() -> None:
    memory = Memory()
    memory.add([Link("login", "user_id:u1", "cookie:c1", 20)])
    memory.resolve(FEBRUARY)
    first = memory.mapping()["user_id:u1"]
    memory.add([Link("login", "user_id:u2", "cookie:c1", 3)])  # late data: u2 was there before
    memory.resolve()
    assert memory.groups() == groups({"user_id:u2"}, {"cookie:c1"}, {"user_id:u1"})
    assert memory.mapping()["user_id:u1"] == first
    assert memory.mapping()["user_id:u2"] != first
    assert memory.rows("select event, surviving_profile_id from identity.merge_events") == [
        ("split", first)
    ]


def test_an_id_stays_when_the_identifier_it_follows_is_blocked_later() -> None:
    memory = Memory()
    memory.add(
        [
            Link("login", "user_id:kiosk-7", "cookie:c1", 1),
            Link("guest_order", "email:a@example.com", "cookie:c1", 2),
        ]
    )
    memory.resolve(FEBRUARY)
    before = memory.mapping()["cookie:c1"]
    policy = copy.deepcopy(memory.policy)
    policy["blocked"].append({"type": "user_id", "pattern": "^kiosk-", "reason": "kiosk"})
    memory.set_policy(policy)
    memory.resolve()
    assert memory.groups() == groups({"cookie:c1", "email:a@example.com"})
    assert memory.mapping()["cookie:c1"] == before


def test_an_id_whose_holder_was_removed_leads_to_its_survivor_in_every_run_after() -> None:
    memory = Memory()
    memory.add([Link("login", "user_id:u2", "cookie:c2", 1)])
    memory.resolve(FEBRUARY)
    survivor = memory.mapping()["user_id:u2"]
    mistaken = Link("trait", "user_id:u1", "email:ann@example.com", 2)
    memory.add([mistaken])
    memory.resolve()
    retired = memory.mapping()["user_id:u1"]
    memory.forget([mistaken])
    memory.add([Link("trait", "user_id:u2", "email:ann@example.com", 50)])
    for is_whole in (False, True, True):
        memory.resolve(is_whole=is_whole)
        assert memory.resolution() == {survivor: survivor, retired: survivor}


def test_two_homes_over_the_same_data_agree() -> None:
    one, _, _ = merged()
    other, _, _ = merged()
    assert one.mapping() == other.mapping()


def test_a_second_profile_that_begins_with_the_same_identifier_gets_an_id_of_its_own() -> None:
    memory = Memory()
    memory.add([Link("login", "user_id:u1", "cookie:c1", 20), Link("seen", "cookie:c1", "", 1)])
    memory.resolve(FEBRUARY)
    first = memory.mapping()["user_id:u1"]
    memory.cut("user_id:u1", "cookie:c1")
    memory.resolve()
    assert memory.mapping()["user_id:u1"] == first
    assert memory.mapping()["cookie:c1"] != first
