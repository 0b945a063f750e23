"""What vendors get of a person, by the facts of public cases. Where Segmentry differs on purpose,
``activation.differences`` has the reason.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from activation import destination as destinations
from activation import differences
from activation.hashing import mailchimp_key
from activation.model import Batch, Operation, Row
from segmentry.errors import ConfigError
from tests.contracts.bench import Bench, bench
from tests.contracts.public_cases import ADDRESS, ANSWERS, BY_ID, CASES, EMAIL, HASHED_EMAIL, Case
from tests.contracts.vendors import content_of

__all__ = ["bench"]

Make = Callable[..., Bench]


def _of_google(body: Any) -> dict[str, Any]:
    named = body["audienceMembers"][0]["userData"]["userIdentifiers"]
    return {name: value for one in named for name, value in one.items()}


PERSON: dict[str, Callable[[Any], Mapping[str, Any]]] = {
    "meta": lambda body: dict(
        zip(body["payload"]["schema"], body["payload"]["data"][0], strict=True)
    ),
    "google_data_manager": _of_google,
    "klaviyo": lambda body: body["data"]["attributes"]["profiles"]["data"][0]["attributes"],
    "braze": lambda body: body["attributes"][0],
    "customer_io": lambda body: body["batch"][0],
    "iterable": lambda body: body["subscribers"][0],
    "mailchimp": lambda body: body,
    "hubspot": lambda body: body["inputs"][0]["properties"],
    "marketo": lambda body: body["input"][0],
    "sendgrid": lambda body: body["contacts"][0],
    "salesforce": lambda body: next(csv.DictReader(io.StringIO(body))),
}


def _row(made: Bench, values: dict[str, Any], operation: Operation = Operation.add) -> Row:
    identity = str(values[made.sync.key])
    kept = {} if operation is Operation.remove else values
    return Row(operation, "p_1", "p_1", identity, identity, "h", kept)


def _made(bench: Make, name: str, values: dict[str, Any], parts: dict[str, Any]) -> Bench:
    options = {"options": {"external_id": "Shop_Id__c"}} if name == "salesforce" else {}
    columns = {column: {"from": column} for column in values}
    made = bench(name, columns=columns, **{**options, **parts})
    vendor = made.journal.vendor
    made.journal.vendor = type(vendor)(
        lambda method, path, query, body: (200, ANSWERS.get(name, {})), vendor.connection
    )
    return made


def _bodies(made: Bench) -> list[Any]:
    calls = [r for r, _ in made.journal.calls if not r.url.path.startswith("/identity")]
    return [content_of(request) for request in calls]


def _sent(bench: Make, case: Case) -> Mapping[str, Any]:
    name, _, _, values, _, parts = case
    made = _made(bench, name, values, parts)
    assert not made.destination.invalid(_row(made, values))
    made.destination.upsert(made.session, Batch("r", [_row(made, values)]))
    bodies = _bodies(made)
    return PERSON[name](bodies[1 if name == "salesforce" else 0])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}: {case[2]}")
def test_a_vendor_gets_of_a_person_what_public_cases_state(case: Case, bench: Make) -> None:
    sent = _sent(bench, case)
    expected = case[4]
    assert {name: sent.get(name) for name in expected} == expected


def test_the_cases_are_of_many_vendors() -> None:
    assert len(CASES) >= 60
    assert len({case[0] for case in CASES}) >= 8
    assert {case[1] for case in CASES} == {"rudder", "docs"}


# Removals, and what is around the person: name, values, options, words of address and body.
AROUND: list[tuple[str, Operation, dict[str, Any], dict[str, Any], str, list[str]]] = [
    ("customer_io", Operation.remove, {"id": "c-5"}, {"options": {"id_type": "id"}, "key": "id"},
     "POST /api/v1/segments/42/remove_customers?id_type=id", ['{"ids":["c-5"]}']),
    ("iterable", Operation.remove, {"email": EMAIL}, {}, "POST /api/lists/unsubscribe",
     ['"listId":42', '"channelUnsubscribe":false']),
    ("braze", Operation.remove, {"external_id": "u-1"}, {**BY_ID, "options": {}},
     "POST /users/track", ['"in_vip":false', '"_update_existing_only":true']),
    ("meta", Operation.remove, {"email": EMAIL}, {}, "DELETE /42/users", [HASHED_EMAIL]),
    ("google_data_manager", Operation.remove, {"email": EMAIL}, {},
     "POST /v1/audienceMembers:remove", [HASHED_EMAIL, '"productDestinationId":"42"']),
    ("google_data_manager", Operation.add, {"email": EMAIL}, {}, "POST /v1/audienceMembers:ingest",
     ['"encoding":"HEX"', '"adUserData":"CONSENT_GRANTED"', '"ACCEPTED"']),
    ("klaviyo", Operation.add, {"email": EMAIL}, {}, "POST /api/profile-bulk-import-jobs",
     ['"lists":{"data":[{"type":"list","id":"42"}]}']),
    ("mailchimp", Operation.add, {"email": "Dana@Example.com"}, {},
     f"PUT /lists/42/members/{mailchimp_key('dana@example.com')}", ["status_if_new"]),
    ("hubspot", Operation.add, {"email": EMAIL}, {}, "POST /crm/v3/objects/contacts/batch/upsert",
     ['"idProperty":"email"', '"objectWriteTraceId":"0"']),
    ("marketo", Operation.add, {"email": EMAIL}, {}, "POST /rest/v1/leads.json",
     ['"action":"createOrUpdate"', '"lookupField":"email"']),
    ("sendgrid", Operation.add, {"email": EMAIL}, {}, "PUT /v3/marketing/contacts",
     ['"list_ids":["0b2f2f8e']),
    ("salesforce", Operation.add, {"email": EMAIL}, {}, "POST /services/data/v62.0/jobs/ingest",
     ['"operation":"upsert"', '"externalIdFieldName":"Shop_Id__c"', '"lineEnding":"LF"']),
]  # fmt: skip


@pytest.mark.parametrize("case", AROUND, ids=lambda case: f"{case[0]}: {case[1].value}")
def test_the_call_is_the_one_of_public_cases(case: Any, bench: Make) -> None:
    name, operation, values, parts, call, words = case
    made = _made(bench, name, values, parts)
    batch = Batch("r", [_row(made, values, operation)])
    send = made.destination.remove if batch.is_removal else made.destination.upsert
    send(made.session, batch)
    request = next(r for r, _ in made.journal.calls if not r.url.path.startswith("/identity"))
    target = request.url.raw_path.decode()
    assert f"{request.method} {target}".startswith(call)
    text = json.dumps(content_of(request), separators=(",", ":"))
    for word in words:
        assert word in text


def test_marketo_gets_the_ids_of_a_list_in_the_address(bench: Make) -> None:
    made = _made(bench, "marketo", {"email": EMAIL}, {})
    rows = [Row(Operation.remove, f"p{n}", f"p{n}", EMAIL, EMAIL, "h", {}, str(n)) for n in (4, 5)]
    made.destination.remove(made.session, Batch("r", rows))
    request = made.journal.calls[-1][0]
    assert request.url.raw_path.decode() == "/rest/v1/lists/42/leads.json?id=4&id=5"


# By the name of the difference: what another client sends or takes, and Segmentry does not.
REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "a phone number without its country": (
        "google_data_manager", {"phone": "09876543210"}, {"key": "phone", "address": "phone"},
        "no identifier",
    ),
    "values that are hashed already": (
        "google_data_manager", {"email": HASHED_EMAIL}, {}, "no identifier",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_row_that_others_send_is_refused(name: str, bench: Make) -> None:
    destination, values, parts, reason = REFUSED[name]
    made = _made(bench, destination, values, parts)
    assert reason in made.destination.invalid(_row(made, values))


@pytest.mark.parametrize(
    ("key", "value"),
    [("phone", "@0943245776"), ("madid", "ABC"), ("gen", "unknown"), ("country", "India")],
)
def test_what_meta_cannot_match_stays_here(key: str, value: str, bench: Make) -> None:
    sent = _sent(bench, ("meta", "rudder", key, {"email": EMAIL, key: value}, {}, {}))
    assert sent[key.upper()] == ""


def test_google_gets_no_part_of_an_address(bench: Make) -> None:
    values = {"email": EMAIL, **ADDRESS, "given_name": None}
    sent = _sent(bench, ("google_data_manager", "rudder", "", values, {}, {}))
    assert set(sent) == {"emailAddress"}


def test_mailchimp_gets_no_status_and_no_name_that_is_cut(bench: Make) -> None:
    sent = _sent(bench, ("mailchimp", "rudder", "", {"email": EMAIL, "fname": "Dana"}, {}, {}))
    assert sent["status_if_new"] == "transactional"
    assert "status" not in sent
    with pytest.raises(ConfigError, match="characters"):
        _made(bench, "mailchimp", {"email": EMAIL, "anonymous_id": "7"}, {})


def test_each_difference_names_a_destination_and_a_reason() -> None:
    known = set(destinations.all_destinations())
    for found in differences.DIFFERENCES:
        assert found.destination in known
        assert found.reason
    assert {one.what for one in differences.DIFFERENCES} >= set(REFUSED)


@pytest.mark.parametrize(("name", "column"), [("klaviyo", "filter"), ("marketo", "filterValues")])
def test_a_plus_in_an_address_is_no_blank_of_the_look_up(
    name: str, column: str, bench: Make
) -> None:
    values = {"email": "dana+offers@example.com"}
    made = bench(name, columns={"email": {"from": "email"}})
    made.destination.remove(made.session, Batch("r", [_row(made, values, Operation.remove)]))
    request = next(r for r, _ in made.journal.calls if column in r.url.params)
    assert values["email"] in request.url.params[column]
    assert "dana%2Boffers" in request.url.raw_path.decode()
