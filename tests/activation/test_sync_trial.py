"""``sync test``: what keeps a sync from sending, and one row as it would leave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from activation import destination as destinations
from activation import engine, examine, masking, trial
from activation.checks._base import DestinationCheck
from activation.client import Client
from activation.examine import FAULT, FINE, CheckResult
from activation.ledger import destination_rows
from activation.opened import open_sync
from segmentry import discovery, sync_files
from segmentry.errors import GuardrailTriggered, SegmentryError, UsageError
from tests.activation.engine_shop import (
    Receiver,
    Reply,
    consent,
    fill,
    open_lake,
    receiver,
    webhook,
)
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")

Tool = Callable[[httpx.Request], httpx.Response]
URL = "https://tool.example.com"


@pytest.fixture
def at_tool(monkeypatch: pytest.MonkeyPatch) -> Callable[[Tool], list[httpx.Request]]:
    """Puts a tool behind every client; gives the requests that it gets."""

    def put(tool: Tool) -> list[httpx.Request]:
        seen: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return tool(request)

        made = partial(Client, transport=httpx.MockTransport(handle))
        monkeypatch.setattr(destinations, "Client", made)
        return seen

    return put


def sync_at(shop: Shop, monkeypatch: pytest.MonkeyPatch, destination: str, **more: Any) -> str:
    """A sync whose connection has all settings of its destination."""
    one = destinations.all_destinations()[destination]
    names = more.pop("settings", one.needed_settings(()))
    for name in names:
        value = URL if name == "url" else "7"
        monkeypatch.setenv(f"T_{name.upper()}", more.get("values", {}).get(name, value))
    more.pop("values", None)
    connection = {name: f"T_{name.upper()}" for name in names}
    shop.sync("vip", destination=destination, connection=connection, **more)
    shop.run("create or replace table lake.audiences.aud_vip (row_key varchar, email varchar)")
    return "vip"


def checked(shop: Shop, name: str = "vip") -> list[CheckResult]:
    with open_sync(shop.settings, name) as opened:
        return examine.answers(opened, sync_files.one(shop.settings, name))


def verdicts(found: list[CheckResult]) -> list[tuple[str, str]]:
    return [(one.check, one.verdict) for one in found]


HUBSPOT_LIST = {"list": {"name": "VIP", "processingType": "MANUAL", "listId": "7"}}
PROPERTIES = [
    {"name": "email", "type": "string"}, {"name": "firstname", "type": "string"},
    {"name": "orders", "type": "bool"},
]  # fmt: skip


def hubspot(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/crm/v3/lists/7":
        return httpx.Response(200, json=HUBSPOT_LIST)
    return httpx.Response(200, json={"results": PROPERTIES})


def test_a_sync_that_fits_has_no_fault(
    shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_at(shop, monkeypatch, "hubspot", columns={"email": {"from": "email"}})
    seen = at_tool(hubspot)
    found = checked(shop)
    assert verdicts(found) == [("credentials", FINE), ("list", FINE), ("fields", FINE)]
    assert {request.method for request in seen} == {"GET"}


def test_a_field_that_is_missing_or_of_another_type_is_named_with_what_is_near(
    shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {
        "email": {"from": "email"},
        "first_name": {"from": "first_name"},
        "orders": {"from": "orders_90d", "type": "bigint"},
        "shoe": {"constant": "x"},
    }
    sync_at(shop, monkeypatch, "hubspot", columns=columns)
    at_tool(hubspot)
    faults = {one.check: one for one in checked(shop) if one.verdict == FAULT}
    assert set(faults) == {"columns/first_name", "columns/orders", "columns/shoe"}
    assert "did you mean 'firstname'" in faults["columns/first_name"].todo
    assert "is a boolean, the column a bigint" in faults["columns/orders"].detail
    assert "did you mean" not in faults["columns/shoe"].todo


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (404, {}, "does not exist at the tool"),
        (401, {}, "status 401"),
        (403, {}, "status 403"),
        (400, {"message": "bad", "category": "VALIDATION"}, "VALIDATION"),
        (200, {"list": {"name": "VIP", "processingType": "DYNAMIC"}}, "fills it by a rule"),
        (200, {"other": 1}, "could not be read"),
    ],
)
def test_a_list_that_cannot_be_written_is_a_fault(
    status: int, body: Any, words: str, shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_at(shop, monkeypatch, "hubspot")
    at_tool(lambda request: httpx.Response(status, json=body))
    fault = next(one for one in checked(shop) if one.check == "list")
    assert (fault.verdict, words in fault.detail) == (FAULT, True), fault.detail
    assert fault.todo


def test_a_setting_without_a_value_is_named_and_nothing_is_asked(
    shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_at(shop, monkeypatch, "hubspot")
    monkeypatch.delenv("T_TOKEN")
    seen = at_tool(hubspot)
    found = checked(shop)
    assert verdicts(found) == [("credentials", FAULT)]
    assert "T_TOKEN" in found[0].todo and not seen


def test_a_refused_token_is_a_fault_of_the_credentials(
    shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_at(shop, monkeypatch, "marketo")
    at_tool(lambda request: httpx.Response(401, json={"error": "invalid_client"}))
    found = checked(shop)
    assert verdicts(found) == [("credentials", FAULT)]
    assert "client_secret" in found[0].todo


ABSENT = {"marketo": {"success": True, "result": []}, "iterable": {"lists": []}}


@pytest.mark.parametrize("name", ["marketo", "iterable"])
def test_an_answer_without_the_list_is_a_list_that_does_not_exist(
    name: str, shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_at(shop, monkeypatch, name)
    token = {"access_token": "t"}
    at_tool(
        lambda request: httpx.Response(
            200, json=token if "oauth" in request.url.path else ABSENT[name]
        )
    )
    assert ("list", FAULT) in verdicts(checked(shop))


@pytest.mark.parametrize(("code", "words"), [(100, "does not exist"), (190, "code 190")])
def test_meta_names_what_is_missing_by_a_code(
    code: int, words: str, shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_at(shop, monkeypatch, "meta", purpose="advertising", channel="ads")
    error = {"error": {"code": code, "message": "no"}}
    shop.sync(
        "vip", destination="meta", purpose="advertising", channel="ads",
        columns={"email": {"from": "email"}},
        connection={n: f"T_{n.upper()}" for n in ("url", "token", "audience_id")},
    )  # fmt: skip
    at_tool(lambda request: httpx.Response(400, json=error))
    fault = next(one for one in checked(shop) if one.check == "audience")
    assert words in fault.detail


CREATES = {
    "klaviyo": ({"data": []}, {"data": {"id": "new"}}),
    "iterable": ({"lists": []}, {"listId": "new"}),
    "sendgrid": ({"result": []}, {"id": "new"}),
}


@pytest.mark.parametrize("name", sorted(CREATES))
def test_a_list_is_made_once(
    name: str, shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the setting missing too; a repetition finds the list by its name."""
    columns = {"email": {"from": "email"}}
    setting = examine.check_of(sync_of(shop, monkeypatch, name, columns)).setting
    monkeypatch.delenv(f"T_{setting.upper()}")
    nothing, answer = CREATES[name]
    made: list[Any] = []

    def tool(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            made.append(json.loads(request.content))
            return httpx.Response(200, json=answer)
        named = {"id": "new", "name": "vip"}
        found = {key: [named] for key in nothing}
        return httpx.Response(200, json=found if made else nothing)

    at_tool(tool)
    for _ in range(2):
        with open_sync(shop.settings, "vip") as opened:
            done = examine.create(opened, sync_files.one(shop.settings, "vip"))
        assert (done.verdict, done.todo) == (FINE, f"set T_{setting.upper()} to new")
    assert len(made) == 1 and "vip" in json.dumps(made)


def sync_of(shop: Shop, monkeypatch: pytest.MonkeyPatch, name: str, columns: Any) -> Any:
    sync_at(shop, monkeypatch, name, columns=columns)
    return sync_files.one(shop.settings, "vip")


def test_what_cannot_be_made_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    sync_at(shop, monkeypatch, "marketo")
    with (
        open_sync(shop.settings, "vip") as opened,
        pytest.raises(UsageError, match="cannot be made"),
    ):
        examine.create(opened, sync_files.one(shop.settings, "vip"))


def test_a_table_is_asked_for_its_columns(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"url": f"sqlite:///{tmp_path}/x.db"}
    columns = {"email": {"from": "email"}, "orders": {"from": "orders_90d", "type": "bigint"}}
    sync_at(shop, monkeypatch, "sql_table", options={"table": "p"}, columns=columns, values=values)
    assert ("table", FAULT) in verdicts(checked(shop))
    with open_sync(shop.settings, "vip") as opened:
        assert examine.create(opened, sync_files.one(shop.settings, "vip")).verdict == FINE
    assert [one.verdict for one in checked(shop)] == [FINE] * 3


def test_the_declared_checks_are_of_destinations() -> None:
    checks = discovery.members("activation.checks", "CHECK", DestinationCheck)
    found = destinations.all_destinations()
    assert set(checks) <= set(found) and len(checks) >= 12
    for name, check in checks.items():
        known = found[name].known_settings
        assert check.setting in known or type(check).audience is DestinationCheck.audience, name


@pytest.fixture
def hook(shop: Shop, receiver: Receiver) -> Iterator[Shop]:
    """Ann and Bob are in the audience of a webhook; Bob has opted out since."""
    shop.run(
        "create table lake.identity.policy_types as select 'email' as identifier_type, 1 as"
        " priority;create table lake.identity.identifier_values (identifier_type varchar,"
        " identifier varchar, value varchar)"
    )
    for name in ("ann", "bob"):
        profile = f"p_{name}"
        shop.put(
            "identity.profile_resolution", [{"profile_id": profile, "current_profile_id": profile}]
        )
        shop.put(
            "identity.identifier_mapping",
            [mapped(name)],
        )
    shop.people("ann", "bob", consent=False)
    webhook(shop)
    consent(shop, "ann")
    consent(shop, "bob", status="denied")
    fill(shop, "hook", {"ann": "Ann", "bob": "Bob"})
    yield shop


def mapped(name: str) -> dict[str, str]:
    mail = f"{name}@example.com"
    return {"identifier_type": "email", "identifier": mail, "profile_id": f"p_{name}"}


def tried(shop: Shop, who: str | None, *, sent: bool = False, **more: Any) -> trial.TrialRow:
    with open_sync(shop.settings, "hook") as opened:
        sync = sync_files.one(shop.settings, "hook")
        return (trial.send if sent else trial.shown)(opened, sync, who, **more)


@pytest.mark.slow
def test_the_request_is_shown_masked_and_does_not_leave(hook: Shop, receiver: Receiver) -> None:
    made = tried(hook, "email:ann@example.com")
    shown = json.dumps([vars(one) for one in made.requests], ensure_ascii=False, default=str)
    assert made.requests[0].method == "POST" and "segment.members.upserted" in shown
    for word in ("ann@example.com", "Ann", "p_ann", "whsec"):
        assert word not in shown + str(made.values)
    assert not receiver.requests
    clear = tried(hook, "email:ann@example.com", has_identifiers=True)
    assert "ann@example.com" in clear.requests[0].body


@pytest.mark.slow
def test_without_credentials_the_request_is_shown_too(
    hook: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGMENTRY_WEBHOOK_URL")
    made = tried(hook, None)
    assert made.requests[0].address.startswith("https://tool.invalid")


def test_a_row_that_is_sent_is_the_syncs(hook: Shop, receiver: Receiver) -> None:
    made = tried(hook, "email:ann@example.com", sent=True)
    assert (made.status, made.requests[-1].status) == ("sent", "status 200")
    assert set(receiver.people) == {"ann@example.com"}
    with open_sync(hook.settings, "hook") as opened:
        assert destination_rows.count(opened.ledger, "hook") == 1
    consent(hook, "ann", status="denied", at="2026-05-02")
    engine.run_sync(hook.settings, "hook")
    assert not receiver.people, "she opted out, and is removed"


def test_who_may_not_be_sent_is_not(hook: Shop, receiver: Receiver) -> None:
    for call in (False, True):
        with pytest.raises(UsageError, match="may not be sent") as caught:
            tried(hook, "email:bob@example.com", sent=call)
        assert "explain hook p_bob" in caught.value.remedy
    assert not receiver.requests


@pytest.mark.slow
def test_a_row_that_the_tool_refuses_is_named(hook: Shop, receiver: Receiver) -> None:
    def refuse(number: int, rows: list[dict[str, Any]]) -> None:
        raise Reply(422, {"message": "no such person ann@example.com"})

    receiver.script = refuse
    made = tried(hook, "p_ann", sent=True)
    assert made.status == "rejected"
    assert "ann@" not in made.reason + made.requests[-1].answer
    assert "no such person" in made.requests[-1].answer
    assert made.requests[-1].status == "status 422"


@pytest.mark.slow
def test_a_first_row_does_not_open_an_audience_with_members(
    hook: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "activation.destinations.webhook.Webhook.read_back", lambda *_: iter(["x@example.com"])
    )
    with pytest.raises(GuardrailTriggered):
        tried(hook, "p_ann", sent=True)
    assert not receiver.requests


@pytest.mark.slow
def test_quiet_hours_count_for_one_row_too(hook: Shop, receiver: Receiver) -> None:
    quiet = {"from": "00:00", "to": "23:59", "timezone": "UTC"}
    names = {"url": "SEGMENTRY_WEBHOOK_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"}
    hook.sync("hook", destination="webhook", connection=names, frequency_cap={"most": 1, "days": 9})
    assert tried(hook, "p_ann", sent=True).status == "sent"
    with pytest.raises(GuardrailTriggered, match="have had 1"):
        tried(hook, "p_ann", sent=True)
    hook.sync("hook", destination="webhook", connection=names, quiet_hours=quiet)
    with pytest.raises(GuardrailTriggered, match="quiet hours"):
        tried(hook, "p_ann", sent=True)
    assert len(receiver.requests) == 1


def test_what_takes_the_whole_audience_sends_no_row(shop: Shop) -> None:
    shop.sync("vip")
    with open_sync(shop.settings, "vip") as opened, pytest.raises(SegmentryError, match="one row"):
        trial.send(opened, sync_files.one(shop.settings, "vip"), None)


@pytest.mark.parametrize(
    "shown",
    ["mail=ann%2Bx%40example.com&", '"ANN+X@example.com"', "/members/" + "a1" * 16, "f" * 64],
)
def test_masking_finds_every_spelling(shown: str) -> None:
    masked = masking.text(shown, ["ann+x@example.com"])
    assert "example" not in masked.lower() and "a1a1a1" not in masked and "fffff" not in masked


def test_an_answer_is_shown_without_what_else_the_tool_knows() -> None:
    body = {"status": "ok", "member": {"town": "Ely", "phone": "+447700900101"}, "count": 2,
            "errors": [{"code": "X1", "message": "bad ann@example.com of Ann"}]}  # fmt: skip
    shown = masking.answer(json.dumps(body), ["Ann"])
    for word in ("Ely", "7700", "ann@", "Ann"):
        assert word not in shown
    for word in ("ok", "X1", "bad", "2"):
        assert word in shown


def test_doctor_names_syncs_whose_tool_does_not_take_them(
    shop: Shop, at_tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync_at(shop, monkeypatch, "hubspot", columns={"email": {"from": "email"}})
    at_tool(hubspot)
    assert examine.faults(shop.settings) == (1, [])
    at_tool(lambda request: httpx.Response(404, json={}))
    asked, found = examine.faults(shop.settings)
    assert asked == 1 and "does not exist" in found[0]
    monkeypatch.delenv("T_TOKEN")
    assert examine.faults(shop.settings) == (0, [])
