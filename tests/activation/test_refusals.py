"""A request that is refused: whose fault it is, and in how few requests that is found."""

from __future__ import annotations

import dataclasses
import math
import sqlite3
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from activation import destination as destinations
from activation import engine, refusals
from activation.client import RequestRefused
from activation.ledger import dead_letters, outcomes
from activation.ledger import tables as t
from activation.ledger.database import Ledger, now
from cli.sync import app
from segmentry.errors import DestinationError
from segmentry.settings import Settings
from tests.activation.engine_shop import (
    Receiver,
    Reply,
    consent,
    fill,
    mails,
    open_lake,
    receiver,
    webhook,
)
from tests.activation.shop import Shop
from tests.contracts.bench import Bench, person

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


def people(shop: Shop, number: int) -> list[str]:
    names = [f"n{place:04}" for place in range(number)]
    consent(shop, *names)
    fill(shop, webhook(shop, guardrails={"allow_empty": True}), dict.fromkeys(names, "x"))
    return names


def refuse(receiver: Receiver, bad: set[str], body: Any = None) -> None:
    """Refuse every request with one of these people in it."""

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        if bad & {row["key"] for row in rows}:
            raise Reply(400, body or {"message": "invalid person"})

    receiver.script = script


def dead(shop: Shop) -> int:
    ledger = Ledger(shop.settings)
    try:
        with ledger.engine.connect() as c:
            return int(
                c.execute(sa.select(sa.func.count()).select_from(t.dead_letters)).scalar_one()
            )
    finally:
        ledger.close()


@pytest.mark.parametrize(("number", "place"), [(64, 0), (64, 63), (64, 21), (100, 42), (9, 4)])
def test_one_cause_takes_few_requests(
    shop: Shop, receiver: Receiver, number: int, place: int
) -> None:
    names = people(shop, number)
    refuse(receiver, mails(names[place]))
    report = engine.run_sync(shop.settings, "hook")
    assert set(receiver.people) == mails(*names) - mails(names[place])
    assert len(receiver.requests) - 1 <= 2 * math.ceil(math.log2(number))
    assert "1 rejected" in report.notes[0]
    assert dead(shop) == 1


@pytest.mark.parametrize(
    "body", [{"message": "the token has expired"}, {"code": "closed"}, {"errors": [{"code": 7}]}]
)
def test_a_request_that_is_wrong_is_not_its_people(
    shop: Shop, receiver: Receiver, body: dict[str, Any]
) -> None:
    names = people(shop, 48)
    refuse(receiver, mails(*names), body)
    with pytest.raises(DestinationError) as caught:
        engine.run_sync(shop.settings, "hook")
    assert next(iter(body)) == "message" or "code" in str(caught.value)
    assert "expired" in str(caught.value) or "message" not in body
    assert len(receiver.requests) <= 2 * math.log2(48)
    assert dead(shop) == 0
    receiver.script = lambda number, rows: None
    engine.run_sync(shop.settings, "hook")
    assert set(receiver.people) == mails(*names)


@pytest.mark.parametrize(
    "share", [pytest.param(2, marks=pytest.mark.slow), pytest.param(7, marks=pytest.mark.slow), 20]
)
def test_many_bad_people_do_not_keep_the_good_ones_back(
    shop: Shop, receiver: Receiver, share: int
) -> None:
    names = people(shop, 120)
    bad = mails(*names[1::share])
    refuse(receiver, bad)
    engine.run_sync(shop.settings, "hook")
    assert set(receiver.people) == mails(*names) - bad
    assert dead(shop) == len(bad)


def test_a_few_people_may_all_be_bad(shop: Shop, receiver: Receiver) -> None:
    names = people(shop, 3)
    refuse(receiver, mails(*names))
    engine.run_sync(shop.settings, "hook")
    assert dead(shop) == 3


def test_a_request_that_is_too_large_is_halved_no_further_than_it_must(
    shop: Shop, receiver: Receiver
) -> None:
    names = people(shop, 64)

    def script(number: int, rows: Sequence[dict[str, Any]]) -> None:
        if len(rows) > 20:
            raise Reply(413)

    receiver.script = script
    engine.run_sync(shop.settings, "hook")
    assert set(receiver.people) == mails(*names)
    assert len(receiver.requests) <= 16


# Bodies as the vendors document them.
WRONG = [
    ("meta", 400, {"error": {"code": 190, "type": "OAuthException", "message": "expired"}}),
    ("meta", 400, {"error": {"code": 200, "message": "Permissions error"}}),
    ("meta", 400, {"error": {"code": 100, "error_subcode": 1870034, "message": "terms"}}),
    (
        "hubspot",
        400,
        {"category": "VALIDATION_ERROR", "errors": [{"code": "PROPERTY_DOESNT_EXIST"}]},
    ),
    ("hubspot", 400, {"status": "error", "category": "MISSING_SCOPES"}),
    ("sendgrid", 400, {"errors": [{"field": "list_ids", "message": "no such list"}]}),
    ("iterable", 400, {"code": "BadApiKey", "msg": "invalid key"}),
    ("klaviyo", 400, {"errors": [{"code": "not_found", "detail": "no such list"}]}),
    ("salesforce", 400, [{"errorCode": "INVALID_FIELD", "message": "No such column"}]),
    ("google_data_manager", 400, {"error": {"status": "X", "details": [{"reason": "NOT_FOUND"}]}}),
]


@pytest.mark.parametrize(("name", "status", "body"), WRONG)
def test_codes_of_vendors_that_no_person_can_cause(name: str, status: int, body: Any) -> None:
    codes = refusals.read(RequestRefused(status, body)).codes
    assert codes & destinations.all_destinations()[name].request_errors


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("meta", {"error": {"code": 100, "message": "Invalid parameter"}}),
        ("hubspot", {"category": "VALIDATION_ERROR", "message": "Email address is invalid"}),
        ("sendgrid", {"errors": [{"field": "contacts", "message": "bad address"}]}),
        ("klaviyo", {"errors": [{"code": "invalid", "source": {"pointer": "/data"}}]}),
        ("salesforce", [{"errorCode": "INVALID_EMAIL_ADDRESS"}]),
    ],
)
def test_codes_that_a_person_can_cause(name: str, body: Any) -> None:
    codes = refusals.read(RequestRefused(400, body)).codes
    assert not codes & destinations.all_destinations()[name].request_errors


@pytest.mark.slow
def test_the_next_run_tries_a_refused_row_again_and_then_it_waits_ever_longer(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(shop, 2)
    refuse(receiver, mails("n0001"))
    at = now()
    tried = []
    for hours in (0, 0.5, 1.0, 1.3, 2.6, 3.6, 4.7, 24 * 30, 24 * 30 + 24 * 8):
        monkeypatch.setattr(dead_letters, "now", lambda h=hours: at + timedelta(hours=h + 0.1))
        monkeypatch.setattr(outcomes, "now", lambda h=hours: at + timedelta(hours=h))
        before = len(receiver.requests)
        engine.run_sync(shop.settings, "hook")
        tried.append(len(receiver.requests) > before)
    assert tried == [True, True, False, False, True, False, True, True, True]
    receiver.script = lambda number, rows: None
    monkeypatch.setattr(dead_letters, "now", lambda: at + timedelta(hours=24 * 60))
    assert engine.run_sync(shop.settings, "hook").status == "done"
    assert dead(shop) == 0


@pytest.mark.slow
def test_the_exit_status_is_1_where_something_is_left_to_do(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    people(shop, 2)
    monkeypatch.setattr(Settings, "from_environment", lambda: shop.settings)
    refuse(receiver, mails("n0001"))
    assert called("apply", "--select", "hook") == 1, "partial"
    receiver.script = lambda number, rows: None
    assert called("retry", "--select", "hook") == 0
    assert called("apply", "--select", "hook") == 0, "nothing to do"
    monkeypatch.delenv("SEGMENTRY_WEBHOOK_SECRET")
    assert called("apply", "--select", "hook") == 1, "a credential is missing"
    assert called("verify", "--select", "hook") == 1


@pytest.mark.slow
def test_verify_ends_with_1_where_the_destination_differs(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Settings, "from_environment", lambda: shop.settings)
    monkeypatch.setenv("SQL_URL", f"sqlite:///{tmp_path}/people.sqlite")
    table = {"destination": "sql_table", "connection": {"url": "SQL_URL"}}
    consent(shop, "ann", "bob")
    fill(shop, webhook(shop, **table, options={"table": "people"}), {"ann": "x", "bob": "x"})
    assert called("apply", "--select", "hook") == 0
    assert called("verify", "--select", "hook") == 0
    with sqlite3.connect(tmp_path / "people.sqlite") as there:
        there.execute("delete from people where email like 'ann%'")
    assert called("verify", "--select", "hook") == 1
    assert called("verify", "--repair", "--select", "hook") == 0
    assert called("verify", "--select", "hook") == 0


def called(*words: str) -> int:
    return CliRunner().invoke(app, list(words)).exit_code


def test_mailchimp_stops_where_the_first_members_are_all_refused_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Bench("mailchimp", monkeypatch)
    made.journal.script = [400] * 40
    with pytest.raises(DestinationError, match="status 400"):
        made.send(*(person(f"p{number}") for number in range(10)))
    assert len(made.journal.calls) == 8


@pytest.mark.parametrize("name", ["hubspot", "customer_io", "mailchimp"])
def test_a_list_that_takes_nobody_is_no_fault_of_people(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Bench(name, monkeypatch)
    answer = made.journal.vendor.answer

    def refusing(method: str, path: str, query: Any, body: Any) -> Any:
        if "/memberships/" in path or "/segments/" in path:
            return 400, {"category": "VALIDATION_ERROR", "message": "this list is dynamic"}
        return answer(method, path, query, body)

    made.journal.vendor = dataclasses.replace(made.journal.vendor, answer=refusing)
    with pytest.raises(DestinationError, match="dynamic"):
        made.send(*(person(f"p{number}") for number in range(30)))
    assert len(made.journal.calls) <= 31


def test_marketo_knows_a_wrong_field_from_a_wrong_person(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Bench("marketo", monkeypatch)
    answer = made.journal.vendor.answer
    wrong = {"success": False, "errors": [{"code": "1006", "message": "Field 'x' not found"}]}

    def refusing(method: str, path: str, query: Any, body: Any) -> Any:
        is_token = path.startswith("/identity")
        return answer(method, path, query, body) if is_token else (200, wrong)

    made.journal.vendor = dataclasses.replace(made.journal.vendor, answer=refusing)
    with pytest.raises(DestinationError, match="1006"):
        made.send(*(person(f"p{number}") for number in range(30)))
    assert len(made.journal.calls) == 2


def test_a_reason_names_nobody() -> None:
    body = {"error": {"code": "ann@example.com", "message": "'Ann' <ann@example.com> is bad"}}
    assert "example.com" not in str(refusals.read(RequestRefused(400, body)))
