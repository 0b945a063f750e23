"""What single described vendors ask for by their documentation; answers are read by rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from activation import refusals
from activation.client import RequestRefused
from activation.generic import answers, forms, templates
from activation.generic.description import AnswerRules, RefusedRows, ThrottleRules, ValueForms
from activation.generic.templates import Scope
from activation.hashing import sha256
from activation.model import Batch, Operation, Row, Status
from segmentry.errors import ConfigError, DestinationError
from tests.contracts.bench import Bench, bench, person
from tests.contracts.vendors import content_of

__all__ = ["bench"]

Make = Callable[..., Bench]


def _columns(*names: str) -> dict[str, dict[str, str]]:
    return {name: {"from": name} for name in names}


def _row(key: str, values: dict[str, Any], operation: Operation = Operation.add) -> Row:
    return Row(operation, "p_x", "p_x", values[key], values[key], "h", values)


def _answering(made: Bench, answer: Callable[[str, str, Any], tuple[int, Any]]) -> None:
    """Have the vendor answer otherwise, from the next request on."""
    vendor = made.journal.vendor
    made.journal.vendor = type(vendor)(
        lambda method, path, query, body: answer(method, path, body), vendor.connection
    )


def test_tiktok_gets_an_empty_place_for_a_missing_identifier(bench: Make) -> None:
    made = bench("tiktok", columns=_columns("email", "phone"))
    both = _row("email", {"email": " Ann@Example.com", "phone": "+44 7700 900101"})
    one = _row("email", {"email": "bob@example.com", "phone": "07700 900101"})
    made.send(both)
    made.send(one)
    hashes = sha256("ann@example.com"), sha256("+447700900101")
    first, second = (content_of(request) for request, _ in made.journal.calls)
    assert first["batch_data"] == [[{"id": h, "audience_ids": ["42"]} for h in hashes]]
    assert second["batch_data"][0][1] == {}
    assert first["id_schema"] == ["EMAIL_SHA256", "PHONE_SHA256"]


@pytest.mark.parametrize(("code", "stops"), [(40105, True), (40001, True), (40002, False)])
def test_tiktok_s_code_in_an_answer_of_200_is_no_success(
    code: int, stops: bool, bench: Make
) -> None:
    made = bench("tiktok")
    _answering(made, lambda method, path, body: (200, {"code": code, "message": "no"}))
    with pytest.raises(RequestRefused) as caught:
        made.destination.upsert(made.session, Batch("r", [person("ann"), person("bob")]))
    codes = refusals.read(caught.value).codes
    assert codes == {str(code)}
    assert bool(codes & made.destination.request_errors) == stops


@pytest.mark.parametrize(
    ("name", "status", "body"),
    [
        ("tiktok", 200, {"code": 40100, "message": "Too many requests"}),
        ("active_campaign", 400, {"message": "Rate limit exceeded."}),
        ("microsoft_ads", 400, {"OperationErrors": [{"Code": 117}]}),
    ],
)
def test_a_throttle_in_disguise_is_tried_again(
    name: str, status: int, body: Any, bench: Make
) -> None:
    made = bench(name)
    usual = made.journal.vendor.answer
    count = 0

    def answer(method: str, path: str, sent: Any) -> tuple[int, Any]:
        nonlocal count
        count += 1
        return (status, body) if count < 3 else usual(method, path, {"batchId": ["b-1"]}, sent)

    _answering(made, answer)
    assert [o.status for o in made.send(person("ann"))] == [Status.sent]
    assert count >= 3


def test_linkedin_names_each_row_by_its_place_and_no_other_answer_counts(bench: Make) -> None:
    made = bench("linkedin", columns=_columns("email", "google_aid"))
    device = "38400000-8CF0-11BD-B23E-10B96E40000D"
    made.send(_row("email", {"email": "Ann @Example.com", "google_aid": device}))
    element = content_of(made.journal.calls[0][0])["elements"][0]
    assert element["userIds"] == [
        {"idType": "SHA256_EMAIL", "idValue": sha256("ann@example.com")},
        {"idType": "GOOGLE_AID", "idValue": device.lower()},
    ]
    assert made.journal.calls[0][0].headers["x-restli-method"] == "BATCH_CREATE"
    _answering(made, lambda method, path, body: (200, {"elements": [{"status": 201}]}))
    with pytest.raises(ValueError, match="another number"):
        made.send(person("ann"), person("bob"))


@pytest.mark.parametrize(
    ("key", "value", "schema", "normal"),
    [
        ("email", " Ann@Example.com", "EMAIL_SHA256", "ann@example.com"),
        ("phone", "+44 (7700) 900-101", "PHONE_SHA256", "447700900101"),
    ],
)
def test_snapchat_has_one_kind_of_identifier(
    key: str, value: str, schema: str, normal: str, bench: Make
) -> None:
    made = bench("snapchat", columns=_columns(key), key=key, address=key)
    made.send(_row(key, {key: value}))
    made.send(_row(key, {key: value}, Operation.remove))
    assert [request.method for request, _ in made.journal.calls] == ["POST", "DELETE"]
    for request, _ in made.journal.calls:
        assert content_of(request) == {"users": [{"schema": [schema], "data": [[sha256(normal)]]}]}
    with pytest.raises(ConfigError, match="columns are"):
        bench("snapchat", columns=_columns("email", "phone"))


def test_a_row_without_an_identifier_never_leaves(bench: Make) -> None:
    for name, values in {
        "snapchat": {"phone": "123"},
        "tiktok": {"email": None, "phone": "1"},
    }.items():
        made = bench(name, columns=_columns(*values), key="phone", address="phone")
        row = Row(Operation.add, "p_x", "p_x", "123", "123", "h", values)
        assert made.destination.invalid(row) == "no identifier can be made of the row"


def test_pinterest_gets_hashes_in_one_text(bench: Make) -> None:
    made = bench("pinterest")
    made.send(person("ann"), person("cid"))
    body = content_of(made.journal.calls[0][0])
    hashes = [sha256(f"{name}@example.com") for name in ("ann", "cid")]
    assert body == {"records": ",".join(hashes), "operation_type": "ADD"}
    _answering(made, lambda method, path, sent: (200, {"exceptions": {"code": 2, "message": "x"}}))
    with pytest.raises(RequestRefused) as caught:
        made.destination.upsert(made.session, Batch("r", [person("ann")]))
    assert refusals.read(caught.value).codes & made.destination.request_errors


def test_onesignal_writes_tags_as_texts_and_removes_one(bench: Make) -> None:
    made = bench("onesignal", columns=_columns("external_id", "orders", "is_vip", "city"))
    values = {"external_id": "a/b", "orders": Decimal("3"), "is_vip": True, "city": None}
    made.send(_row("external_id", values))
    made.send(_row("external_id", {"external_id": "a/b"}, Operation.remove))
    first, second = (request for request, _ in made.journal.calls)
    tags = {"in_vip": "true", "orders": "3", "is_vip": "true", "city": ""}
    assert content_of(first) == {"properties": {"tags": tags}}
    assert content_of(second) == {"properties": {"tags": {"in_vip": ""}}}
    assert first.url.raw_path.endswith(b"/by/external_id/a%2Fb"), "a key is no path"


def test_zendesk_creates_nobody_where_it_removes(bench: Make) -> None:
    made = bench("zendesk")
    values = {"external_id": "u-1", "name": "Ann", "email": "ann@example.com", "ltv": 12.5}
    made.send(_row("external_id", values))
    removed = [
        _row("external_id", {"external_id": key}, Operation.remove) for key in ("u-1", "u-2")
    ]
    made.send(*removed)
    user = content_of(made.journal.calls[0][0])["users"][0]
    assert user == {
        "external_id": "u-1", "name": "Ann", "email": "ann@example.com",
        "skip_verify_email": True, "user_fields": {"in_vip": True, "ltv": 12.5},
    }  # fmt: skip
    update = made.journal.calls[2][0]
    assert update.method == "PUT"
    assert update.url.params["external_ids"] == "u-1,u-2"
    assert content_of(update) == {"user": {"user_fields": {"in_vip": False}}}
    assert made.destination.invalid(_row("external_id", {"external_id": "u-1,u-2"}))
    with pytest.raises(ConfigError, match="columns are"):
        bench("zendesk", columns=_columns("external_id"))


def test_intercom_updates_or_creates_and_knows_its_id(bench: Make) -> None:
    made = bench("intercom", columns=_columns("email", "name", "signed_up_at", "first_order"))
    values = {
        "name": "Ann", "signed_up_at": datetime(2026, 1, 2, 3, 4, 5),
        "first_order": date(2026, 1, 2),
    }  # fmt: skip
    for name in ("ann", "new"):
        email = f"{name}@example.com"
        outcome = made.send(_row("email", {"email": email, **values}))[0]
        assert outcome.destination_id == ("c-1" if name == "ann" else "contacts")
    calls = [(request.method, request.url.path) for request, _ in made.journal.calls]
    assert calls == [
        ("POST", "/contacts/search"), ("PUT", "/contacts/c-1"), ("POST", "/contacts/c-1/tags"),
        ("POST", "/contacts/search"), ("POST", "/contacts"), ("POST", "/contacts/contacts/tags"),
    ]  # fmt: skip
    created = content_of(made.journal.calls[4][0])
    assert created == {
        "role": "user", "email": "new@example.com", "name": "Ann", "signed_up_at": 1767323045,
        "custom_attributes": {"first_order": 1767312000},
    }  # fmt: skip
    made.journal.calls.clear()
    known = person("ann", Operation.remove)
    known.destination_id = "c-7"
    made.send(known)
    made.send(person("ann", Operation.remove))
    paths = [request.url.path for request, _ in made.journal.calls]
    assert paths == ["/contacts/c-7/tags/42", "/contacts/search", "/contacts/c-1/tags/42"]


def test_a_refusal_of_the_tag_is_no_persons_fault(bench: Make) -> None:
    made = bench("intercom")
    usual = made.journal.vendor.answer
    _answering(
        made,
        lambda method, path, body: (
            (404, {"errors": [{"code": "tag_not_found"}]})
            if path.endswith("/tags")
            else usual(method, path, {}, body)
        ),
    )
    with pytest.raises(DestinationError, match="tag_not_found"):
        made.send(person("ann"))


def test_rows_that_are_all_refused_alike_stop_early(bench: Make) -> None:
    made = bench("intercom")
    _answering(made, lambda method, path, body: (422, {"errors": [{"code": "whatever"}]}))
    rows = [person(f"x{number}") for number in range(50)]
    with pytest.raises(DestinationError, match="whatever"):
        made.destination.upsert(made.session, Batch("r", rows))
    assert len(made.journal.calls) <= 12


def test_active_campaign_finds_the_tag_of_a_person(bench: Make) -> None:
    columns = _columns("email", "first_name", "band")
    made = bench("active_campaign", columns=columns, options={"custom_fields": {"band": "7"}})
    made.send(_row("email", {"email": "ann@example.com", "first_name": "Ann", "band": "high"}))
    contact = content_of(made.journal.calls[0][0])["contacts"][0]
    assert contact["fields"] == [{"id": "7", "value": "high"}]
    assert contact["first_name"] == "Ann"
    assert "subscribe" not in contact
    made.journal.calls.clear()
    made.send(person("ann", Operation.remove))
    calls = [(request.method, request.url.path) for request, _ in made.journal.calls]
    assert calls[-1] == ("DELETE", "/api/3/contactTags/900"), "the tag of the connection alone"
    with pytest.raises(ConfigError, match="columns are"):
        bench("active_campaign", columns=columns)


WRITTEN = [
    (date(2026, 2, 28), ValueForms(dates="unix"), 1772236800),
    (date(2026, 2, 28), ValueForms(dates="unix_ms"), 1772236800000),
    (datetime(2026, 2, 28, 1, 2, 3), ValueForms(times="unix"), 1772240523),
    (Decimal("12.50"), ValueForms(numbers="text"), "12.50"),
    (7, ValueForms(numbers="text"), "7"),
    (False, ValueForms(booleans="text"), "false"),
    (True, ValueForms(numbers="text"), True),
    (["a", date(2026, 1, 2)], ValueForms(nested="text"), '["a", "2026-01-02"]'),
]


@pytest.mark.parametrize(("value", "by", "expected"), WRITTEN)
def test_values_have_the_forms_of_the_description(
    value: Any, by: ValueForms, expected: Any
) -> None:
    assert forms.written(value, by) == expected
    assert type(forms.written(value, by)) is type(expected)


def test_a_null_is_written_left_or_emptied() -> None:
    given = {"a": None, "b": float("nan"), "c": None}
    for nulls, expected in (
        ("null", {"a": None, "b": None}), ("empty", {"a": "", "b": ""}), ("leave", {}),
    ):  # fmt: skip
        assert forms.fields(given, frozenset({"c"}), ValueForms(), nulls) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{option.a}", 7),
        ("x{option.a}y", "x7y"),
        ({"a?": "{option.none}", "b": 0, "c?": False}, {"b": 0, "c": False}),
        ([{"$if": "{option.none}", "a": 1}, {"$if": "{option.a}", "a": 1}], [{"a": 1}]),
        ({"$if": "{option.none}", "$else": []}, []),
        ({"{option.name}": 1}, {"key": 1}),
        ("{option.text|trim|upper}", "A B"),
    ],
)
def test_templates_are_filled(template: Any, expected: Any) -> None:
    names = {"option": {"a": 7, "none": None, "name": "key", "text": " a b "}}
    assert templates.fill(template, Scope(names)) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a.b", [1]), ("l.*.i", [0, 1]), ("l.1.i", [1]), ("l[n=y].i", [1]), ("l[n=z]", []),
        ("a.x", []), ("a.b.c", []), ("m.*", [3, 4]), ("l.9", []),
    ],
)  # fmt: skip
def test_paths_of_answers(path: str, expected: list[Any]) -> None:
    body = {
        "a": {"b": 1}, "l": [{"i": 0, "n": "x"}, {"i": 1, "n": "y"}], "m": {"p": 3, "q": 4},
    }  # fmt: skip
    assert answers.at(body, path) == expected


def test_refusals_that_are_counted_and_not_named() -> None:
    rows = [person("ann"), person("bob")]
    by_name = RefusedRows(at=("bad.*",))
    retried = AnswerRules(refused=(by_name,), counted_at="n")
    found = answers.refused(retried, {"bad": ["ANN@example.com"], "n": 2}, rows)
    assert {key: outcome.status for key, outcome in found.items()} == {
        "p_ann": Status.rejected,
        "p_bob": Status.retry,
    }
    halved = AnswerRules(counted_at="failed[s=F]", splits=True)
    with pytest.raises(RequestRefused) as caught:
        answers.refused(halved, {"failed": [{"s": "F"}, {"s": "D"}]}, rows)
    assert caught.value.counts_rows
    assert not answers.refused(halved, {"failed": [{"s": "D"}]}, rows)


@pytest.mark.parametrize(
    ("rule", "headers", "expected"),
    [
        (ThrottleRules(2.0, status=429, header="x-wait"), {"x-wait": "7"}, 7.0),
        (ThrottleRules(2.0, status=429, header="x-wait"), {}, 2.0),
        (ThrottleRules(2.0, status=418), {}, None),
        (ThrottleRules(2.0, header="x-wait"), {}, None),
        (ThrottleRules(1.0, status=429, header="x-at", is_timestamp=True), {"x-at": "5"}, 0.0),
    ],
)
def test_a_header_states_how_long_to_wait(
    rule: ThrottleRules, headers: dict[str, str], expected: float | None
) -> None:
    response = httpx.Response(429, headers=headers, json={})
    assert answers.asked_to_wait((rule,), response) == expected
