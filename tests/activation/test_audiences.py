"""Who may be sent, as the audience models decide it."""

from __future__ import annotations

import pytest

from activation import generate, operate, published, stages
from segmentry import generated, warehouse
from segmentry.errors import ConfigError
from segmentry.stages import RunContext
from tests.activation.shop import Shop, decision


def build(shop: Shop) -> None:
    stages.audiences(RunContext(shop.settings))


def verdicts(shop: Shop, sync: str) -> dict[str, str]:
    return dict(
        shop.rows(f"select profile_id, verdict from audiences.candidates where sync = '{sync}'")
    )


def test_only_consented_people_are_in_the_audience(shop: Shop) -> None:
    shop.sync("letters")
    shop.sync(
        "leavers", mode="delete", destination="webhook", connection={"url": "U", "secret": "S"}
    )
    shop.people("ann", "bob", "cid", "dee", "eve", "fay", "gus")
    shop.people("hal", consent=False)
    shop.put(
        "marts.consents",
        [
            decision("bob", "withdrawn", "2026-02-01"),
            decision("cid", "withdrawn", "2026-02-01", identifier_type="user_id", identifier="u-3"),
            decision(
                "dee",
                "denied",
                "2026-02-01",
                purpose="any",
                channel="any",
                identifier_type="cookie",
            ),
            decision("eve", "denied", "2026-02-01", channel="sms"),
            decision("gus", "withdrawn", "2026-09-01"),
        ],
    )
    build(shop)
    assert verdicts(shop, "letters") == {
        "p_ann": "eligible",
        "p_bob": "refused",
        "p_cid": "refused",
        "p_dee": "refused",
        "p_eve": "eligible",
        "p_fay": "eligible",
        "p_gus": "refused",
        "p_hal": "unknown_consent",
    }
    everyone = dict.fromkeys(verdicts(shop, "letters"), "eligible")
    assert verdicts(shop, "leavers") == everyone, "a removal from a tool needs no consent"
    assert {key for (key,) in shop.rows("select row_key from audiences.aud_leavers")} == set(
        everyone
    )
    assert shop.rows("select row_key, email from audiences.aud_letters order by 1") == [
        ("p_ann", "ann@example.com"),
        ("p_eve", "eve@example.com"),
        ("p_fay", "fay@example.com"),
    ]


@pytest.mark.slow
def test_consent_for_another_address_is_none(shop: Shop) -> None:
    shop.sync("letters")
    shop.people("ann", consent=False)
    shop.put("marts.consents", [decision("ann", identifier="old@example.com")])
    build(shop)
    assert verdicts(shop, "letters") == {"p_ann": "unknown_consent"}


@pytest.mark.slow
def test_suppressed_addresses_profiles_and_bounces_stay_out(shop: Shop) -> None:
    shop.sync("letters")
    shop.sync(
        "leavers", mode="delete", destination="webhook", connection={"url": "U", "secret": "S"}
    )
    with warehouse.connect(shop.settings) as lake:
        published.ensure(lake)
    shop.people("ann", "bob", "cid", "dee")
    shop.run(
        "insert into lake.activation.suppressions values ('email', 'Ann@Example.com ', 'any',"
        " 'complaint', null), ('profile_id', 'p_bob', 'email', 'asked', null), ('email',"
        " 'dee@example.com', 'sms', 'asked', null)"
    )
    bounce = {
        "profile_id": "p_cid",
        "channel": "email",
        "event_type": "bounce",
        "occurred_at": "2026-01-01",
    }
    shop.put("marts.messages", [{**bounce, "message_id": str(number)} for number in range(3)])
    build(shop)
    assert verdicts(shop, "letters") == {
        "p_ann": "suppressed",
        "p_bob": "suppressed",
        "p_cid": "suppressed",
        "p_dee": "eligible",
    }
    assert set(verdicts(shop, "leavers").values()) == {"eligible"}, (
        "a suppressed person can be removed"
    )


@pytest.mark.slow
def test_analytics_works_without_any_consent_data(shop: Shop) -> None:
    columns = {"profile_id": {"from": "profile_id"}, "segment": {"row": "segment"}}
    shop.sync(
        "export",
        purpose="analytics",
        channel=None,
        address=None,
        key="profile_id",
        columns=columns,
        audience={"segments": "all", "grain": "membership"},
    )
    shop.people("ann", "bob", consent=False)
    shop.put("marts.consents", [decision("bob", "denied", purpose="analytics", channel="any")])
    build(shop)
    assert shop.rows("select * from audiences.aud_export") == [
        ("p_ann:loyal", "p_ann", "loyal", "p_ann")
    ]


@pytest.mark.slow
def test_hold_outs_are_stable_and_of_the_asked_share(shop: Shop) -> None:
    shop.run(
        "insert into lake.profiles.profiles (profile_id, email)"
        " select 'p_n' || i, 'n' || i || '@example.com' from range(2000) t(i)"
    )
    shop.run(
        "insert into lake.segments.segment_memberships select 'loyal', 'p_n' || i, null, '1' from"
        " range(2000) t(i)"
    )
    shop.run(
        "insert into lake.marts.consents select 'p_n' || i, 'email', 'n' || i || '@example.com',"
        " 'marketing', 'email', 'granted', null, timestamp '2026-01-01', null, null, null, null"
        " from range(2000) t(i)"
    )
    shop.sync("letters", hold_out={"share": 0.2, "salt": "spring"})
    shop.sync("notes", hold_out={"share": 0.2, "salt": "spring"})
    shop.sync("other", hold_out={"share": 0.2, "salt": "autumn"})
    build(shop)
    kept_out = {
        s: {p for p, v in verdicts(shop, s).items() if v == "held_out"}
        for s in ("letters", "notes", "other")
    }
    print({name: len(people) for name, people in kept_out.items()})
    assert 330 < len(kept_out["letters"]) < 470
    assert kept_out["letters"] == kept_out["notes"] != kept_out["other"]


@pytest.mark.slow
def test_one_row_per_address_and_one_sync_of_an_exclusive_group(shop: Shop) -> None:
    shop.sync("first", exclusive_group="promo", priority=1, audience={"segments": ["vip"]})
    shop.sync("second", exclusive_group="promo", priority=2)
    shop.people("ann", "bob")
    shop.people("ann", segment="vip", consent=False)
    shop.run(
        "delete from lake.profiles.profiles where rowid in (select max(rowid) from"
        " lake.profiles.profiles)"
    )
    shop.run(
        "update lake.profiles.profiles set email = 'ANN@example.com' where profile_id = 'p_bob'"
    )
    build(shop)
    assert verdicts(shop, "first") == {"p_ann": "eligible"}
    assert verdicts(shop, "second") == {"p_ann": "other_sync", "p_bob": "duplicate"}


@pytest.mark.slow
def test_columns_of_every_kind(shop: Shop) -> None:
    columns = {
        "email": {"from": "email"},
        "name": {"template": "{first_name} of {country}"},
        "tool": {"constant": "it's"},
        "level": {"constant": 3, "type": "bigint"},
        "is_vip": {"member_of": "vip"},
        "segments": {"segments": "list"},
    }
    shop.sync("letters", columns=columns)
    shop.people("ann")
    shop.put("segments.segment_memberships", [{"segment": "vip", "profile_id": "p_ann"}])
    build(shop)
    assert shop.rows("select * from audiences.aud_letters") == [
        ("p_ann", "ann@example.com", "Ann of GB", "it's", 3, True, "loyal,vip", "p_ann")
    ]


@pytest.mark.slow
def test_transitions_are_one_row_per_entry_and_exit(shop: Shop) -> None:
    columns = {
        "profile_id": {"from": "profile_id"},
        "what": {"row": "transition"},
        "segment": {"row": "segment"},
    }
    shop.sync(
        "moves",
        audience={"segments": ["loyal"], "grain": "transition"},
        columns=columns,
        key="profile_id",
    )
    shop.people("ann")
    stay = {
        "segment": "loyal",
        "profile_id": "p_ann",
        "entered_at": "2026-01-01",
        "left_at": "2026-02-01",
    }
    shop.put(
        "segments.membership_history", [stay, {**stay, "entered_at": "2026-03-01", "left_at": None}]
    )
    build(shop)
    assert [row[2] for row in shop.rows("select * from audiences.aud_moves order by row_key")] == [
        "entered",
        "entered",
        "left",
    ]
    assert shop.rows("select distinct row_profile_id from audiences.aud_moves") == [("p_ann",)]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"key": "nothing"}, "the key 'nothing'"),
        ({"audience": {"segments": ["loyals"]}}, "there is no segment 'loyals'"),
        ({"purpose": "marketing", "address": None}, "'address' is a required property"),
        ({"destination": "pigeon"}, "there is no destination 'pigeon'"),
        ({"connection": {"api_key": "sk-123"}}, "connection/api_key"),
        ({"options": {"format": "xls"}}, "options/format is 'xls'"),
        ({"columns": {"email": {"from": "email"}, "x": {"row": "segment"}}}, "has no 'segment'"),
    ],
)
def test_a_sync_that_does_not_fit_is_named(
    shop: Shop, content: dict[str, object], part: str
) -> None:
    shop.sync("letters", **content)
    with pytest.raises(ConfigError) as caught:
        build(shop)
    assert part in str(caught.value)
    assert "letters" in str(caught.value)


@pytest.mark.slow
def test_the_audience_follows_the_file_and_records_what_it_was_built_from(shop: Shop) -> None:
    shop.sync("letters")
    shop.people("ann")
    shop.people("bob", segment="vip")
    build(shop)
    made = generated.project_folder(shop.settings) / generate.MADE
    assert not list((shop.settings.dbt_project / generate.FOLDER).rglob("aud_*")), (
        "the repository is not written to"
    )
    assert list(made.glob("aud_letters.sql"))
    assert operate.status(shop.settings, [])[0]["audience"] == "matches the file"
    shop.sync("letters", audience={"segments": ["vip"]}, owner="others")
    for note in (
        operate.status(shop.settings, [])[0]["audience"],
        operate.plan(shop.settings, [])[0]["note"],
    ):
        assert "the file has changed since its audience was built (audience)" in note
    build(shop)
    assert shop.rows("select row_key from audiences.aud_letters") == [("p_bob",)], (
        "there is no copy to forget"
    )
    assert operate.status(shop.settings, [])[0]["audience"] == "matches the file"
    assert "changed" not in operate.plan(shop.settings, [])[0]["note"]
    shop.sync("letters", enabled=False)
    build(shop)
    assert shop.rows(
        "select count(*) from information_schema.tables where table_name = 'aud_letters'"
    ) == [(0,)]
