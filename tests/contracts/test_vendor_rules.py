"""What single vendors ask for by their documentation: forms of values, answers about one row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest

from activation import destination as destinations
from activation import hashing
from activation.model import Operation, Row, Status
from segmentry.errors import ConfigError
from tests.contracts.bench import Bench, bench, person
from tests.contracts.vendors import content_of

__all__ = ["bench"]

Make = Callable[..., Bench]
Answer = Callable[[str, str, dict[str, list[str]], Any], tuple[int, Any]]


def _answering(made: Bench, wanted: str, content: Any, *, status: int = 200) -> None:
    """Have the vendor answer this to requests whose method and path contain the words."""
    vendor = made.journal.vendor
    made.journal.vendor = type(vendor)(
        lambda method, path, query, body: (
            (status, content(body) if callable(content) else content)
            if wanted in f"{method} {path}"
            else vendor.answer(method, path, query, body)
        ),
        vendor.connection,
    )


def _row(values: dict[str, Any], key: str = "email", operation: Operation = Operation.add) -> Row:
    return Row(operation, "p_x", "p_x", str(values[key]), str(values[key]), "h", values)


def _known(name: str, their_id: str) -> Row:
    row = person(name, Operation.remove)
    row.destination_id = their_id
    return row


def _columns(*names: str) -> dict[str, dict[str, str]]:
    return {name: {"from": name} for name in ("email", *names)}


def test_klaviyo_has_phone_location_and_names_in_the_profile_itself(bench: Make) -> None:
    values = {
        "email": "ann@example.com", "phone": "+447700900101", "first_name": "Ann",
        "last_name": "Lee", "city": "Leeds", "country": "GB", "zip": "LS1 4AP", "ltv_band": "high",
    }  # fmt: skip
    made = bench("klaviyo", columns=_columns(*values))
    made.send(_row(values))
    job = content_of(made.journal.calls[0][0])["data"]["attributes"]
    assert job["profiles"]["data"][0]["attributes"] == {
        "email": "ann@example.com", "phone_number": "+447700900101", "first_name": "Ann",
        "last_name": "Lee", "location": {"city": "Leeds", "country": "GB", "zip": "LS1 4AP"},
        "properties": {"ltv_band": "high"},
    }  # fmt: skip
    assert made.destination.invalid(_row({**values, "phone": "07700 900101"}))


def test_klaviyo_is_asked_for_profiles_by_its_own_name_of_the_key(bench: Make) -> None:
    columns = {"phone": {"from": "phone"}}
    made = bench("klaviyo", columns=columns, key="phone", address="phone", channel="sms")
    row = _row({"phone": "+447700900101"}, "phone", Operation.remove)
    made.send(row)
    query = parse_qs(made.journal.calls[0][0].url.query.decode())
    assert query["filter"] == ['any(phone_number,["+447700900101"])']


@pytest.mark.parametrize("key", ["user_id", "profile", "ltv_band"])
def test_a_key_by_which_klaviyo_matches_nobody_is_refused(key: str, bench: Make) -> None:
    content: dict[str, Any] = {"columns": _columns(key), "key": key}
    with pytest.raises(ConfigError, match="matches no profile"):
        bench("klaviyo", **content)
    sync = bench("klaviyo").sync
    destinations.to_withdraw_from(sync)


META = {
    "email": ("Ann@Example.com ", "ann@example.com"),
    "fi": ("Ünal", "ü"),
    "st": ("New York", "newyork"),
    "zip": ("94016-1234", "94016"),
    "country": (" US", "us"),
    "gen": ("Female", "f"),
    "doby": ("1987-03-09", "1987"),
    "dobm": ("1987-03-09", "03"),
    "dobd": ("9", "09"),
}


def test_meta_gets_each_key_in_its_form(bench: Make) -> None:
    made = bench("meta", columns=_columns(*META, "madid"))
    device = "38400000-8CF0-11BD-B23E-10B96E40000D"
    row = _row({**{name: given for name, (given, _) in META.items()}, "madid": device})
    made.send(row)
    payload = content_of(made.journal.calls[0][0])["payload"]
    sent = dict(zip(payload["schema"], payload["data"][0], strict=True))
    assert sent == {
        **{name.upper(): hashing.sha256(form) for name, (_, form) in META.items()},
        "MADID": device.lower(),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("country", "United Kingdom"), ("country", "GBR"), ("gen", "other"),
        ("doby", "87"), ("dobm", "13"), ("dobd", "1987"), ("madid", "abc"),
        ("madid", "00000000-0000-0000-0000-000000000000"),
    ],
)  # fmt: skip
def test_what_meta_cannot_match_is_left_empty(name: str, value: str, bench: Make) -> None:
    made = bench("meta", columns=_columns(name))
    made.send(_row({"email": "ann@example.com", name: value}))
    payload = content_of(made.journal.calls[0][0])["payload"]
    sent = dict(zip(payload["schema"], payload["data"][0], strict=True))
    assert sent[name.upper()] == ""
    assert sent["EMAIL"]


ADDRESS = {
    "given_name": "Ann", "family_name": "Le e", "region_code": "gb", "postal_code": " LS1 4AP "
}  # fmt: skip


def test_google_gets_an_address_and_the_account_that_manages(bench: Make) -> None:
    made = bench("google_data_manager", columns=_columns(*ADDRESS))
    made.session = type(made.session)(
        made.sync, {**made.session.connection, "login_account_id": "99"}, made.session.accounts,
        made.session.folder, "run_1",
    )  # fmt: skip
    made.send(_row({"email": "ann@example.com", **ADDRESS}))
    body = content_of(made.journal.calls[0][0])
    login = {"accountType": "GOOGLE_ADS", "accountId": "99"}
    assert body["destinations"][0]["loginAccount"] == login
    assert body["audienceMembers"][0]["userData"]["userIdentifiers"][1] == {
        "address": {
            "givenName": hashing.sha256("ann"), "familyName": hashing.sha256("lee"),
            "regionCode": "GB", "postalCode": "LS1 4AP",
        }
    }  # fmt: skip


def test_google_takes_no_part_of_an_address_alone(bench: Make) -> None:
    with pytest.raises(ConfigError, match="columns/postal_code"):
        bench("google_data_manager", columns=_columns("given_name", "family_name", "region_code"))
    made = bench("google_data_manager", columns=_columns(*ADDRESS))
    made.send(_row({"email": "ann@example.com", **ADDRESS, "region_code": "United Kingdom"}))
    sent = content_of(made.journal.calls[0][0])["audienceMembers"][0]["userData"]
    assert [list(one) for one in sent["userIdentifiers"]] == [["emailAddress"]]


def test_a_removal_at_iterable_states_that_no_channel_is_unsubscribed(bench: Make) -> None:
    made = bench("iterable")
    made.send(person("ann", Operation.remove))
    assert content_of(made.journal.calls[0][0])["channelUnsubscribe"] is False
    made.send(person("ann"))
    assert "channelUnsubscribe" not in content_of(made.journal.calls[1][0])


def test_a_locked_record_at_salesforce_is_tried_again(bench: Make) -> None:
    made = bench("salesforce", options={"external_id": "Shop_Id__c"})
    failed = (
        "sf__Id,sf__Error,Shop_Id__c,first_name\n"
        '"","UNABLE_TO_LOCK_ROW:unable to obtain exclusive access",ann@example.com,Ann\n'
        '"","DUPLICATE_VALUE:x",bob@example.com,Bob\n'
    )
    _answering(made, "failedResults", failed)
    _answering(made, "successfulResults", "sf__Id,sf__Created,Shop_Id__c,first_name\n")
    found = {o.row.row_key: (o.status, o.reason) for o in made.send(person("ann"), person("bob"))}
    assert found["p_ann"] == (Status.retry, "UNABLE_TO_LOCK_ROW")
    assert found["p_bob"][0] is Status.rejected


def test_a_merged_contact_of_hubspot_leaves_the_list_by_its_present_id(bench: Make) -> None:
    made = bench("hubspot")
    _answering(
        made,
        "add-and-remove",
        lambda body: {"recordIdsMissing": [i for i in body["recordIdsToRemove"] if i == "12"]},
    )
    made.send(_known("ann", "12"), _known("bob", "13"))
    removed = [
        content_of(r)["recordIdsToRemove"] for r, _ in made.journal.calls if r.method == "PUT"
    ]
    assert removed == [["12", "13"], ["id-ann"]]


def test_who_marketo_does_not_put_on_the_list_is_tried_again(bench: Make) -> None:
    made = bench("marketo")
    reasons = [{"code": "1004", "message": "Lead 'ann@example.com' not found"}]
    result = [{"id": 50, "status": "skipped", "reasons": reasons}, {"id": 51, "status": "added"}]
    _answering(made, "POST /rest/v1/lists/", {"success": True, "result": result})
    found = {o.row.row_key: (o.status, o.reason) for o in made.send(person("ann"), person("bob"))}
    assert found["p_ann"] == (Status.retry, "not put on the list: code 1004")
    assert found["p_bob"][0] is Status.sent


def test_a_merged_person_of_marketo_leaves_the_list_by_the_present_id(bench: Make) -> None:
    made = bench("marketo")

    def removed(body: Any) -> dict[str, Any]:
        skipped = {"status": "skipped", "reasons": [{"code": "1004"}]}
        rest = {"status": "removed"}
        ids = [person["id"] for person in body["input"]]
        return {
            "success": True,
            "result": [{"id": i, **(skipped if i == 7 else rest)} for i in ids],
        }

    _answering(made, "DELETE", removed)
    made.send(_known("ann", "7"), _known("bob", "8"))
    sent = [content_of(r)["input"] for r, _ in made.journal.calls if r.method == "DELETE"]
    assert sent == [[{"id": 7}, {"id": 8}], [{"id": 50}]]


@pytest.mark.parametrize("people", [20, 300])
def test_a_long_look_up_at_marketo_is_no_address(people: int, bench: Make) -> None:
    made = bench("marketo")
    _answering(made, "/rest/v1/leads.json", {"success": True, "result": [{"id": 50}]})
    made.send(*(person(f"a.rather.long.name.{n}", Operation.remove) for n in range(people)))
    look_up = next(r for r, _ in made.journal.calls if r.url.path == "/rest/v1/leads.json")
    assert len(str(look_up.url)) < 8_000
    is_form = people > 20
    assert look_up.method == ("POST" if is_form else "GET")
    asked = parse_qs((look_up.content if is_form else look_up.url.query).decode())
    assert len(asked["filterValues"][0].split(",")) == people
    assert look_up.url.params.get("_method") == ("GET" if is_form else None)


def test_mailchimp_members_who_left_are_reported_as_such_and_stop_nobody(bench: Make) -> None:
    made = bench("mailchimp")
    left = {"title": "Member In Compliance State", "status": 400, "detail": "ann@example.com left"}
    _answering(made, "PUT", left, status=400)
    outcomes = made.send(*(person(f"n{n}") for n in range(9)))
    assert {o.status for o in outcomes} == {Status.rejected}
    assert {o.reason.partition(":")[0] for o in outcomes} == {
        "opted out there, bounced or was forgotten"
    }


def test_a_column_that_is_too_long_for_a_tag_of_mailchimp_is_refused(bench: Make) -> None:
    with pytest.raises(ConfigError, match="columns/favourite_brand has 15 characters"):
        bench("mailchimp", columns=_columns("favourite_brand"))
    bench("mailchimp", columns=_columns("favourite_"))
