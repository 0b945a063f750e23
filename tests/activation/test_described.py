"""A destination that an operator describes in YAML goes through the engine like any other: consent,
splitting, dead letters, requests that are wrong, and what its file may not do.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from activation import destination as destinations
from activation import engine
from activation.generic import folder
from segmentry.errors import ConfigError, DestinationError
from segmentry.settings import ROOT
from tests.activation.engine_shop import Receiver, Reply, consent, fill, open_lake, receiver
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

ROWS: dict[str, Any] = {
    "key": "{identity}",
    "operation": "add",
    "values": {"$fields": {"except": ["{key}"]}},
}
OWN: dict[str, Any] = {
    "name": "own_tool",
    "description": "A tool of the company's own, which a test describes in this mapping.",
    "documents": ["https://tool.example.com/api"],
    "purposes": ["marketing"],
    "channels": ["email"],
    "connection": {"settings": ["secret"]},
    "keys": ["email"],
    "batch": {"rows": 8},
    "auth": {"header": {"x-key": "{connection.secret}"}},
    "headers": {"webhook-id": "{sync}"},
    "errors": {"code": "fault.kind", "message": "fault.words", "of_requests": ["expired"]},
    "add": {
        "requests": [{"method": "POST", "path": "/", "body": {"data": {"rows": {"$rows": ROWS}}}}]
    },
    "remove": {
        "requests": [
            {
                "method": "POST",
                "path": "/",
                "body": {"data": {"rows": {"$rows": {"key": "{identity}", "operation": "remove"}}}},
            }
        ]
    },
}


@pytest.fixture
def tool(
    shop: Shop, receiver: Receiver, open_lake: None, monkeypatch: pytest.MonkeyPatch
) -> Receiver:
    """The receiver behind a described destination, with an empty sync ``own``."""
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(shop.settings.config))
    written(shop.settings.config, OWN)
    names = {"url": "SEGMENTRY_WEBHOOK_URL", "secret": "SEGMENTRY_WEBHOOK_SECRET"}
    shop.sync("own", destination="own_tool", connection=names)
    shop.run(
        "create table lake.audiences.aud_own (row_key varchar, email varchar, first_name varchar)"
    )
    return receiver


def written(config: Path, content: dict[str, Any]) -> Path:
    """The description as a file of the folder."""
    (config / "destinations").mkdir(exist_ok=True)
    path = config / "destinations" / f"{content['name']}.yml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def test_consent_and_removal_work_for_a_described_tool(shop: Shop, tool: Receiver) -> None:
    consent(shop, "ann", "bob", "cid")
    fill(shop, "own", {"ann": "Ann", "bob": None, "cid": "Cid", "eve": "Eve"})
    report = engine.run_sync(shop.settings, "own")
    assert set(tool.people) == {f"{name}@example.com" for name in ("ann", "bob", "cid")}
    assert tool.people["ann@example.com"] == {"first_name": "Ann"}
    assert tool.people["bob@example.com"] == {"first_name": None}
    assert sum(report.rows.values()) >= 3
    shop.put("marts.consents", [decision("bob", "withdrawn", "2026-05-01")])
    fill(shop, "own", {"ann": "Anna", "bob": None})
    engine.run_sync(shop.settings, "own")
    assert tool.people == {"ann@example.com": {"first_name": "Anna"}}
    before = len(tool.requests)
    engine.run_sync(shop.settings, "own")
    assert len(tool.requests) == before, "nothing changed, so nothing is sent"


def test_a_faulty_row_alone_is_refused(shop: Shop, tool: Receiver) -> None:
    names = [f"n{number}" for number in range(16)]
    consent(shop, *names)
    fill(shop, "own", dict.fromkeys(names, "x"))

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        if any(row["key"] == "n5@example.com" for row in rows):
            raise Reply(400, {"fault": {"kind": "address", "words": "n5@example.com is wrong"}})

    tool.script = script
    engine.run_sync(shop.settings, "own")
    assert set(tool.people) == {f"{name}@example.com" for name in names if name != "n5"}


@pytest.mark.parametrize("kind", ["expired", "of another kind"])
def test_a_wrong_request_is_no_persons_fault(shop: Shop, tool: Receiver, kind: str) -> None:
    names = [f"n{number}" for number in range(16)]
    consent(shop, *names)
    fill(shop, "own", dict.fromkeys(names, "x"))

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        raise Reply(422, {"fault": {"kind": kind, "words": "no"}})

    tool.script = script
    with pytest.raises(DestinationError, match=kind.split()[0]):
        engine.run_sync(shop.settings, "own")
    assert len(tool.requests) <= (1 if kind == "expired" else 8)


@pytest.mark.slow
def test_a_tool_that_answers_200_with_a_code_is_read(
    shop: Shop, tool: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = copy.deepcopy(OWN)
    changed["errors"]["throttled"] = [{"at": "fault.kind", "is": ["busy"], "seconds": 0.01}]
    changed["add"]["requests"][0]["answer"] = {"code": {"at": "fault.kind", "done": [None]}}
    written(shop.settings.config, changed)
    consent(shop, "ann")
    fill(shop, "own", {"ann": "Ann"})

    def script(number: int, rows: list[dict[str, Any]]) -> None:
        if number < 3:
            raise Reply(200, {"fault": {"kind": "busy"}})
        if number == 3:
            raise Reply(200, {"fault": {"kind": "expired"}})

    tool.script = script
    with pytest.raises(DestinationError, match="expired"):
        engine.run_sync(shop.settings, "own")
    assert not tool.people
    engine.run_sync(shop.settings, "own")
    assert set(tool.people) == {"ann@example.com"}


def test_a_key_is_data_and_no_template(shop: Shop, tool: Receiver) -> None:
    consent(shop, "ann")
    fill(shop, "own", {"ann": "{connection.secret} ${secret} {{7*7}}"})
    engine.run_sync(shop.settings, "own")
    assert tool.people["ann@example.com"]["first_name"] == "{connection.secret} ${secret} {{7*7}}"


def changed(place: str, value: Any) -> dict[str, Any]:
    """The description with another value at a place; None removes it."""
    content = copy.deepcopy(OWN)
    *steps, last = place.split("/")
    part: Any = content
    for step in steps:
        part = part[int(step)] if step.isdigit() else part[step]
    if value is None:
        del part[last]
    else:
        part[last] = value
    return content


BODY = "add/requests/0/body"
WRONG = [
    ("purposes", ["selling"], "purposes: 'selling'"),
    ("channels", ["ads"], "advertising"),
    ("documents", [], "documents"),
    ("remove", None, "'remove' is a required property"),
    ("add/requests/0/method", "TRACE", "method"),
    ("add/requests/0/path", "//other.example.com/{connection.host}", "connection.host"),
    ("add/requests/0/path", "/people/{identity}", "another value for each row"),
    (BODY, {"all": {"$rows": "{connection.secret}"}}, "credentials belong in auth"),
    (BODY, {"all": {"$rows": "{person.email}"}}, "person.email"),
    (BODY, {"all": {"$rows": "{identity|base64}"}}, "no form 'base64'"),
    (BODY, {"all": {"$rows": "{identity"}}, "brace"),
    (BODY, {"all": {"$rows": "{{ 7 * 7 }}"}}, "brace"),
    (BODY, {"all": {"$rows": {"$eval": "1"}}}, "no word of a template"),
    (BODY, {"$rows": "{identity}", "more": 1}, "other names next to"),
    (BODY, {"$fields": {}}, "within"),
    (BODY, {"all": {"$rows": {"email": "{identity}", "status": "subscribed"}}}, "subscription"),
    (BODY, {"all": {"$rows": {"email": "{identity}", "unsubscribed": False}}}, "subscription"),
    (BODY, {"all": {"$rows": {"channelUnsubscribe": True}}}, "subscription"),
    ("add/requests/0/only_with", "contact", "collected by no request"),
    ("add/requests/0/job", "id", "a job that cannot be followed"),
    ("add/requests/0/absent", [404], "absent"),
    ("add/requests/0/their_id", "id", "rows: 1"),
    ("auth", {"bearer": "token"}, "no setting"),
    ("place", {"settings": ["list_id"]}, "no setting 'list_id'"),
    ("columns", {"least": 1}, "columns"),
    ("identifiers", {"hash": {"from": "email", "forms": ["sha256"]}}, "no allowed column"),
    ("name", "other", "the file's own stem"),
]


@pytest.mark.parametrize(("place", "value", "words"), WRONG)
def test_what_does_not_fit_is_refused_with_its_place(
    place: str, value: Any, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "own_tool.yml"
    path.write_text(yaml.safe_dump(changed(place, value)), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        folder.read(path)
    assert words in f"{caught.value} {caught.value.allowed} {caught.value.remedy}"
    assert "own_tool.yml" in str(caught.value)
    assert caught.value.allowed
    assert caught.value.remedy


def test_the_description_itself_fits(tmp_path: Path) -> None:
    path = tmp_path / "own_tool.yml"
    path.write_text(yaml.safe_dump(OWN), encoding="utf-8")
    made = folder.read(path)
    assert made.settings == ("url", "secret")
    assert made.place_names.settings == ("url",)


def test_a_description_has_no_name_of_a_destination_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(tmp_path))
    written(tmp_path, {**OWN, "name": "klaviyo"})
    with pytest.raises(ConfigError, match="'klaviyo'") as caught:
        destinations.all_destinations()
    assert caught.value.remedy


def test_an_operators_file_replaces_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = yaml.safe_load(
        (ROOT / "config" / "destinations" / "zendesk.yml").read_text(encoding="utf-8")
    )
    monkeypatch.setenv("SEGMENTRY_CONFIG", str(tmp_path))
    assert destinations.all_destinations()["zendesk"].batch_rows == shipped["batch"]["rows"]
    written(tmp_path, {**shipped, "batch": {"rows": 7}})
    assert destinations.all_destinations()["zendesk"].batch_rows == 7


def test_the_schema_is_json_and_each_shipped_description_names_its_documents() -> None:
    schema = ROOT / "config" / "schemas" / "destination.schema.json"
    assert json.loads(schema.read_text(encoding="utf-8"))["title"]
    for name, made in folder.described(()).items():
        assert made.description.documents, name
        assert made.description.documents[0] in made.manual, name
