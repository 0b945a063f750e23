"""What is asked of a tool before a sync is enabled: credentials, list and fields."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from activation import destination as destinations
from activation import examine
from activation.checks._base import DestinationCheck
from activation.client import Client
from activation.examine import FAULT, FINE, CheckResult
from activation.opened import open_sync
from segmentry import discovery, sync_files
from segmentry.errors import UsageError
from tests.activation.engine_shop import open_lake
from tests.activation.shop import Shop

__all__ = ["open_lake"]

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
