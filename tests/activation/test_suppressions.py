"""Suppressions in any spelling: out of the audience, and out of what is there if they come after it
was built.
"""

from __future__ import annotations

import duckdb
import pytest

from activation import engine, published, stages, suppressed
from segmentry import identifier_words, warehouse
from segmentry.stages import RunContext
from tests.activation.shop import Shop, decision
from tests.dbt_sql import Project

NAMES = ("ann", "bob", "cid", "dee")
# A suppression of ann in the words of lists that people keep: type, value, channel.
WRITTEN = [
    ("email", "ANN@example.com\u200b", "email"),
    ("E-Mail", " ann@Example.com", "Email "),
    ("mail", "mailto:ann@example.com", None),
    ("email", "a.n.n+news@example.com", "any"),
    ("phone", "0176 5551 2301", "email"),
    ("Mobile number", "0049 176/55512301", "newsletter"),
    ("msisdn", "4917655512301", "EMAIL"),
    ("phone", "555-12301", "any"),
    ("user_id", "ANN4711", "any"),
    ("Customer ID", "ann@example.com", "any"),
    ("address", "ann@example.com", "e-mail"),
    (None, "+4917655512301", "any"),
    ("Profile-ID", " p_ann ", "any"),
]


def people(shop: Shop) -> None:
    """Four people with an address, a number and a user id each."""
    shop.people(*NAMES)
    with warehouse.connect(shop.settings) as lake:
        published.ensure(lake)
    shop.put(
        "identity.identifier_mapping",
        [
            {"identifier_type": kind, "identifier": value, "profile_id": f"p_{name}"}
            for nth, name in enumerate(NAMES, start=1)
            for kind, value in (
                ("email", f"{name}@example.com"),
                ("phone", f"+49176555123{nth:02}"),
                ("user_id", f"{name}4711"),
            )
        ],
    )


def suppress(shop: Shop, *rows: tuple[str | None, str, str | None]) -> None:
    with warehouse.connect(shop.settings) as lake:
        lake.execute("delete from lake.activation.suppressions")
        lake.executemany(
            "insert into lake.activation.suppressions values (?, ?, ?, 'asked', null)", rows
        )


def test_a_suppression_in_any_spelling_keeps_the_person_out_of_the_audience(shop: Shop) -> None:
    shop.sync("letters")
    people(shop)
    project = Project(duckdb.connect(), ("portable", "staging", "identity", "marts", "audiences"))
    for written in WRITTEN:
        suppress(shop, written)
        with warehouse.connect(shop.settings, read_only=True) as lake:
            project.connection = lake
            lake.execute("use lake")
            sql = project.render("audiences/suppressed_contacts")
            found = lake.execute(
                f"select identifier from ({sql}) where identifier_type = 'profile_id'"
            ).fetchall()
            assert found == [("p_ann",)], written
            assert suppressed.read(lake, ("email", "any")).people == {"p_ann"}, written


@pytest.mark.slow
def test_a_suppression_of_after_the_audience_takes_out_who_was_sent(shop: Shop) -> None:
    shop.sync("letters")
    people(shop)
    stages.audiences(RunContext(shop.settings))
    assert engine.run_sync(shop.settings, "letters").rows == {"sync letters": 4}
    suppress(
        shop,
        ("phone", "0176 5551 2301", "any"),
        ("Tel", "55512302", "mail"),
        ("email", "d.e.e@EXAMPLE.com", "sms"),
    )
    engine.run_sync(shop.settings, "letters")
    (newest,) = (shop.settings.outbox / "letters").glob("*.csv*")
    text = newest.read_text()
    assert [name for name in NAMES if f"{name}@" in text] == ["cid", "dee"]
    verdicts = dict(shop.rows("select profile_id, verdict from audiences.candidates"))
    assert set(verdicts.values()) == {"eligible"}, "the audience is of before"
    stages.audiences(RunContext(shop.settings))
    verdicts = dict(shop.rows("select profile_id, verdict from audiences.candidates"))
    assert sorted(name for name, verdict in verdicts.items() if verdict == "suppressed") == [
        "p_ann",
        "p_bob",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    ("channel", "purpose", "left"),
    [
        ("any", "marketing", ["cid"]),
        ("any", "analytics", ["ann", "cid", "dee"]),
        ("email", "marketing", ["cid", "dee"]),
        ("sms", "marketing", ["ann", "cid"]),
    ],
)
def test_a_suppression_of_one_channel_counts_for_a_sync_of_any(
    shop: Shop, at_once: bool, channel: str, purpose: str, left: list[str]
) -> None:
    """In the audience, as rows leave, and for those who were sent before."""
    shop.sync("letters", channel=channel, purpose=purpose)
    people(shop)
    shop.put("marts.consents", [decision(name, channel="any") for name in NAMES])
    stages.audiences(RunContext(shop.settings))
    if at_once:
        engine.run_sync(shop.settings, "letters")
    suppress(
        shop,
        ("email", "ann@example.com", "email"),
        ("email", "dee@example.com", "sms"),
        ("email", "bob@example.com", "any"),
    )
    engine.run_sync(shop.settings, "letters")
    (newest,) = (shop.settings.outbox / "letters").glob("*.csv*")
    assert [name for name in NAMES if f"{name}@" in newest.read_text()] == left
    stages.audiences(RunContext(shop.settings))
    verdicts = dict(shop.rows("select profile_id, verdict from audiences.candidates"))
    assert len(verdicts) == len(NAMES)
    eligible = sorted(name for name, verdict in verdicts.items() if verdict == "eligible")
    assert eligible == [f"p_{name}" for name in left]


def test_types_and_names_are_those_of_the_sql() -> None:
    connection = duckdb.connect()
    named_by = Project(connection, ("portable", "staging")).call("identifier_type_word", "$word")
    names = [name for names in identifier_words.NAMES.values() for name in names]
    for word in [*names, *identifier_words.TYPES, "E-Mail Address", "fax", " CRM ", "profile id"]:
        ((named,),) = connection.execute(f"select {named_by}", {"word": word}).fetchall()
        known = named in (*identifier_words.TYPES, identifier_words.PROFILE)
        assert identifier_words.types_named(word) == (
            (named,) if known else identifier_words.TYPES
        ), word
