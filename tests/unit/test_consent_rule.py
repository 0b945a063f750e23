"""Refusals match, stick to the person, and are judged by one rule: small histories by the project's
own SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from segmentry.settings import Settings
from tests.consent_world import SYNCS, World, configured, consent, contact, day, order, unsubscribe


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    yield World(configured(Settings.from_environment(), tmp_path / "config"))


def run(world: World, number: int, **records: Any) -> dict[str, set[str]]:
    """Land the records of a day and run the job: who is in the audience of each sync."""
    world.land(records, day(number))
    world.stage()
    world.resolve(day(number))
    world.decide()
    world.publish()
    return audiences(world)


def audiences(world: World) -> dict[str, set[str]]:
    return {
        name: {row[0] for row in world.rows(f"select {address} from audiences.aud_{name}")}
        for name, (_, _, address) in SYNCS.items()
    }


def test_a_stop_from_a_number_in_any_spelling_is_a_stop(world: World) -> None:
    numbers = [f"+4917612340{n:02}" for n in range(6)]
    found = run(
        world, 20,
        crm_contacts=[contact(f"k{n}", 1, phone=number) for n, number in enumerate(numbers)],
        consents=[
            *(consent(f"g{n}", "phone", number, "granted", 2, channel="sms") for n,
            number in enumerate(numbers)),
            consent("s0", "phone", "0176 12340 00", "withdrawn", 9, channel="sms"),
            consent("s1", "phone", "4917612340" + "01", "withdrawn", 9, channel="sms"),
            consent("s2", "phone", "0049 176-1234002", "Withdrawn ", 9, channel="SMS"),
            consent("s3", "phone", "0176/1234003", "withdrawn", 9, channel="sms",
            jurisdiction=None),
            consent("s4", "phone", "0176 1234004", "withdrawn", 9, channel="sms",
            jurisdiction="US"),
        ],
    )  # fmt: skip
    assert found["texts"] == {numbers[5]}


def test_a_refusal_stays_when_the_address_is_corrected(world: World) -> None:
    old = "jo.old@shop.example"
    new = "jo.new@shop.example"
    grants = [consent("g1", "email", old, "granted", 2), consent("g2", "email", new, "granted", 2)]
    assert run(world, 5, crm_contacts=[contact("k1", 1, email=old)], consents=grants)[
        "letters"
    ] == {old, new}
    assert run(world, 8, email_events=[unsubscribe("m1", old, 6)])["letters"] == {new}, (
        "nobody's, so far"
    )
    assert run(world, 12, crm_contacts=[contact("k1", 10, email=new)])["letters"] == set()
    assert run(world, 20, consents=[consent("g3", "email", old, "granted", 18)])["letters"] == {
        old
    }, "the old address is another's by now: its grant is not the person's"
    assert run(world, 30, consents=[consent("g4", "email", new, "granted", 25)])["letters"] == {
        old,
        new,
    }


def test_a_refusal_is_found_in_a_state_that_was_replaced_before_the_first_run(world: World) -> None:
    old = "kim.old@shop.example"
    new = "kim.new@shop.example"
    found = run(
        world, 20,
        crm_contacts=[contact("k2", 1, email=old), contact("k2", 10, email=new)],
        email_events=[unsubscribe("m2", old, 6)],
        consents=[consent("g5", "email", new, "granted", 2)],
    )  # fmt: skip
    assert found["letters"] == set()


def test_a_refusal_on_an_address_that_nobody_has_now_counts_for_its_last_holder(
    world: World,
) -> None:
    old = "lea.old@shop.example"
    new = "lea.new@shop.example"
    grants = [consent("g6", "email", new, "granted", 2)]
    run(world, 5, crm_contacts=[contact("k3", 1, email=old)], consents=grants)
    assert run(world, 12, crm_contacts=[contact("k3", 10, email=new)])["letters"] == {new}
    assert run(world, 20, email_events=[unsubscribe("m3", old, 15)])["letters"] == set()


def test_a_refusal_on_an_address_that_went_to_another_person_is_the_other_persons(
    world: World,
) -> None:
    old = "team@shop.example"
    new = "max.new@shop.example"
    grants = [consent("g7", "email", new, "granted", 2), consent("g8", "email", old, "granted", 2)]
    run(world, 5, crm_contacts=[contact("k4", 1, email=old)], consents=grants)
    moved = [contact("k4", 10, email=new), contact("k5", 10, email=old, user_id="u5")]
    assert run(world, 12, crm_contacts=moved)["letters"] == {old, new}
    assert run(world, 20, email_events=[unsubscribe("m4", old, 15)])["letters"] == {new}


def test_a_refusal_outlives_the_undoing_of_a_merge(world: World) -> None:
    one = "nia@shop.example"
    other = "ole@shop.example"
    grants = [
        consent("g9", "email", one, "granted", 2),
        consent("g10", "email", other, "granted", 2),
    ]
    orders = [order("o1", 1, user_id="u1", email=one), order("o2", 1, user_id="u1", email=other)]
    run(world, 5, orders=orders, consents=grants)
    assert run(world, 8, email_events=[unsubscribe("m5", one, 6)])["letters"] == set(), (
        "one person with two addresses"
    )
    world.run("insert into identity.policy_cuts values"
        " ('user_id', 'u1', 'email', ?), ('email', ?, 'user_id', 'u1')",
              [other, other])  # fmt: skip
    assert run(world, 12)["letters"] == set()
    assert run(world, 20, consents=[consent("g11", "email", other, "granted", 15)])["letters"] == {
        other
    }


@pytest.mark.parametrize(
    ("kind", "value", "field"),
    [
        ("user_id", "uQ7", "user_id"),
        ("cookie", "c-77", "anonymous_id"),
        ("phone", "+4917612345678", "phone"),
    ],
)
def test_a_refusal_by_any_identifier_follows_the_person(
    world: World, kind: str, value: str, field: str
) -> None:
    mail = "pia@shop.example"
    run(
        world, 5,
        orders=[order("o3", 1, email=mail, **{field: value})],
        consents=[consent("g12", "email", mail, "granted", 2)],
    )  # fmt: skip
    refusal = consent("r1", kind, value, "denied", 6, channel="any")
    assert run(world, 8, consents=[refusal])["letters"] == set()
    # The shop corrects the order: what refused is no longer on it.
    later = {**order("o3", 1, email=mail), "updated_at": order("", 9)["ordered_at"]}
    assert run(world, 12, orders=[later])["letters"] == set()
    assert run(world, 20, consents=[consent("g13", "email", mail, "granted", 15)])["letters"] == {
        mail
    }


def test_ids_that_differ_by_case_are_two_people(world: World) -> None:
    ann = "ann@shop.example"
    bob = "bob@shop.example"
    found = run(
        world, 20,
        orders=[order("o4", 1, user_id="aBc1", email=ann), order("o5", 1, user_id="AbC1",
        email=bob)],
        consents=[
            consent("g14", "email", ann, "granted", 2),
            consent("g15", "email", bob, "granted", 2),
            consent("r2", "user_id", "aBc1", "denied", 6, channel="any"),
            consent("g16", "user_id", "AbC1", "granted", 7, channel="any"),
        ],
    )  # fmt: skip
    assert found["letters"] == {bob}
    # In a spelling that nobody has exactly it may be either.
    assert (
        run(world, 30, consents=[consent("r3", "user_id", "ABC1", "denied", 25)])["letters"]
        == set()
    )


@pytest.mark.parametrize(
    "written",
    [
        "\u200brosa@shop.example",
        "rosa@shop.example\ufeff",
        "ROSA@Shop.example\u00a0",
        "mailto:rosa@shop.example",
    ],
)
def test_what_is_not_seen_of_an_address_makes_no_other_person(world: World, written: str) -> None:
    mail = "rosa@shop.example"
    found = run(
        world, 20,
        orders=[order("o6", 1, email=written)],
        consents=[consent("g17", "email", written, "granted", 2)],
        email_events=[unsubscribe("m6", mail, 6)],
    )  # fmt: skip
    assert found["letters"] == set()
    assert world.rows("select count(distinct profile_id) from identity.identifier_mapping") == [
        (1,)
    ]


@pytest.mark.parametrize(
    "content",
    [
        {"purpose": "newsletters"},
        {"channel": "fax"},
        {"status": "opted_out"},
        {"identifier_type": "address"},
        {"occurred_at": "yesterday"},
        {"occurred_at": "9999-12-31T00:00:00Z"},
        {"occurred_at": None},
        {"consent_id": "g18"},
        {"consent_id": None},
    ],
)
def test_a_refusal_in_a_record_that_is_quarantined_counts(
    world: World, content: dict[str, Any]
) -> None:
    mail = "sam@shop.example"
    other = "tea@shop.example"
    found = run(
        world, 20,
        consents=[
            consent("g18", "email", mail, "granted", 2),
            consent("g19", "email", other, "granted", 2),
            {**consent("r4", "email", mail, "withdrawn", 6), **content},
        ],
    )  # fmt: skip
    assert found["letters"] == {other}
    assert world.rows(
        "select count(*) from staging.base_consents where outcome = 'quarantined'"
    ) == [(1,)]


def event(key: str, at: float, **content: Any) -> dict[str, Any]:
    """A page view."""
    return {
        "messageId": key,
        "type": "page",
        "timestamp": order("", at)["ordered_at"],
        "properties": {},
        **content,
    }


NO = {"consent": {"categoryPreferences": {"Marketing": False}}}
GOOD = {"consent": {"categoryPreferences": {"Marketing": True}}}
# What refuses for the person c0, c1, ... by a banner on an event; all but the last two events are
# quarantined.
ON_EVENTS: list[dict[str, Any]] = [
    {"anonymousId": "visit-0c", "timestamp": None},
    {"anonymousId": "visit-1c", "type": "peek"},
    {"anonymousId": "visit-2c", "userId": "(null)", "timestamp": "9999-12-31T00:00:00Z"},
    {"messageId": None, "anonymousId": "visit-3c"},
    {"context": {**NO, "traits": {"email": "C4@Shop.example "}}},
    {"context": {**NO, "traits": {"phone": "0176 1234 5675"}, "location": {"country": "DE"}}},
    {"context": {**NO, "device": {"id": "device-6d"}}},
    {"anonymousId": "visit-7c", "userId": "[object Object]"},
    {"anonymousId": "visit-8c", "userId": "{{user.id}}"},
]


def test_a_banner_is_heard_on_events_that_are_quarantined_or_name_nobody(world: World) -> None:
    mails = [f"c{n}@shop.example" for n in range(len(ON_EVENTS) + 1)]
    links: dict[int, dict[str, Any]] = {5: {"phone": "+4917612345675"}}
    found = run(
        world, 20,
        orders=[
            order(f"q{n}", 1, user_id=f"uq{n}x", email=mail, anonymous_id=f"visit-{n}c",
            **links.get(n, {}))
            for n, mail in enumerate(mails)
        ],
        consents=[consent(f"gq{n}", "email", mail, "granted", 2) for n, mail in enumerate(mails)],
        events=[
            event("e-device", 2, anonymousId="visit-6c", userId="uq6x",
            context={"device": {"id": "device-6d"}}),
            *(event(f"e{n}", 6, **{"context": NO, **content}) for n,
            content in enumerate(ON_EVENTS)),
            event("e-good", 6, anonymousId="visit-9c", context=GOOD, type="peek"),
        ],
    )  # fmt: skip
    assert found["letters"] == {mails[-1]}
    quarantined = world.rows(
        "select count(*) from staging.base_events where outcome = 'quarantined'"
    )
    assert quarantined == [(8,)], "the last two refusals are on accepted events"


@pytest.mark.parametrize(
    "kind",
    [
        "group_unsubscribe",
        "Unsubscribed from List",
        "opted-out",
        "OPTOUT",
        "complained",
        "Marked as Spam",
        "abuse",
    ],
)
def test_a_mailing_tools_word_that_is_not_known_is_heard(world: World, kind: str) -> None:
    mail = "una@shop.example"
    other = "val@shop.example"
    grants = [
        consent("gu1", "email", mail, "granted", 2),
        consent("gu2", "email", other, "granted", 2),
    ]
    events = [unsubscribe("mu1", mail, 6, kind), unsubscribe("mu2", other, 6, "group_resubscribe")]
    assert run(world, 20, consents=grants, email_events=events)["letters"] == {other}


def test_a_grant_on_one_refused_identifier_lifts_nothing_of_another(world: World) -> None:
    one = "wim@shop.example"
    other = "xia@shop.example"
    number = "+4917612399001"
    grants = [consent(f"gw{mail}", "email", mail, "granted", 1) for mail in (one, other)]
    orders = [
        order("ow1", 1, user_id="uw1x", email=one, phone=number),
        order("ow2", 1, user_id="uw1x", email=other),
    ]
    run(world, 5, orders=orders, consents=grants)
    refusals = [
        consent("rw1", "email", one, "denied", 5.2),
        consent("rw2", "phone", number, "denied", 5.4),
    ]
    assert run(world, 6, consents=refusals)["letters"] == set()
    assert run(world, 8, consents=[consent("gw3", "email", one, "granted", 7)])["letters"] == set()
    # The other address is another profile's from now on. It takes along what the number refused.
    world.run(
        "insert into identity.policy_cuts values"
        " ('user_id', 'uw1x', 'email', ?), ('email', ?, 'user_id', 'uw1x')",
              [other, other])  # fmt: skip
    assert run(world, 12)["letters"] == set()
    assert run(world, 20, consents=[consent("gw4", "email", other, "granted", 15)])["letters"] == {
        other
    }


def test_a_refusal_by_the_number_of_a_contact_counts_whatever_system_it_is_from(
    world: World,
) -> None:
    mails = {name: f"{name}@shop.example" for name in ("shop", "till", "other")}
    systems = {"shop": ("701", None), "till": ("701", "till"), "other": ("702", "till")}
    people = [
        {**contact(name, 1, email=mails[name]), "contact_id": number, "_keys": keys}
        for name, (number, keys) in systems.items()
    ]
    grants = [consent(name, "email", mail, "granted", 2) for name, mail in mails.items()]
    assert mapped(world, 5, crm_contacts=people, consents=grants) == set(mails.values())
    own = {**consent("r1", "contact_id", "701", "withdrawn", 6), "_keys": "till"}
    assert mapped(world, 8, consents=[own]) == {
        mails["shop"],
        mails["other"],
    }, "the contact of the same system"
    strange = {**consent("r2", "Contact ID", "702", "withdrawn", 9), "_keys": "list"}
    assert mapped(world, 12, consents=[strange]) == {mails["shop"]}, (
        "no system is known: the contact of any"
    )


def mapped(world: World, number: int, **records: Any) -> set[str]:
    """The same for records of which those that state `_keys` are of a mapped source: who gets
    letters.
    """
    world.land(records, day(number))
    for source in records:
        world.run(
            f"update raw.{source} set _source = 'mapped' where json_extract_string(_raw, '_keys')"
            " is not null"
        )
    world.stage()
    world.resolve(day(number))
    world.decide()
    world.publish()
    return audiences(world)["letters"]
