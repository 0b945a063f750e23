"""Vendors that go on after the answer: batches of Mailchimp, requests that Google ends later, jobs
while which a person opts out; and rows of which a vendor gets a part.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from activation import changes
from activation.client import RequestRefused
from activation.model import Accepted, Batch, Operation, Pending, Row, Status
from segmentry.errors import ConfigError
from tests.contracts.bench import Bench, bench, person
from tests.contracts.test_vendor_rules import _answering, _columns, _row
from tests.contracts.vendor_answers import archive
from tests.contracts.vendors import content_of

__all__ = ["bench"]

Make = Callable[..., Bench]
PEOPLE = 30


def _people(number: int = PEOPLE) -> list[Row]:
    return [person(f"n{place}") for place in range(number)]


def _batch_ended(made: Bench, results: list[dict[str, Any]], **parts: Any) -> None:
    """Have Mailchimp's batch finished with these results, packed in two files."""
    ended = {
        "id": "batch1", "status": "finished", "total_operations": PEOPLE,
        "finished_operations": PEOPLE, "errored_operations": 3,
        "response_body_url": "https://results.example.org/packed.tar.gz?signed=1", **parts,
    }  # fmt: skip
    _answering(made, "GET /batches/batch1", ended)
    middle = len(results) // 2
    _answering(made, "/packed.tar.gz", archive(results[:middle], results[middle:]))


def _result(place: int, status: int = 200, title: str = "") -> dict[str, Any]:
    return {
        "operation_id": str(place), "status_code": status,
        "response": json.dumps({"title": title, "detail": "n3@example.com is wrong"}),
    }  # fmt: skip


def test_many_members_of_mailchimp_are_one_batch_with_an_outcome_for_each(bench: Make) -> None:
    made = bench("mailchimp")
    results = [_result(place) for place in range(PEOPLE) if place != 9]
    results[3] = _result(3, 400, "Invalid Resource")
    results[5] = _result(5, 400, "Member In Compliance State")
    results[7] = _result(7, 503, "Busy")
    _batch_ended(made, results[::-1])
    outcomes = {o.row.row_key: (o.status, o.reason) for o in made.send(*_people())}
    assert outcomes["p_n3"] == (Status.rejected, "refused with status 400: Invalid Resource")
    assert outcomes["p_n5"][0] is Status.rejected
    assert outcomes["p_n5"][1].startswith("opted out there")
    assert outcomes["p_n7"][0] is Status.retry
    assert outcomes["p_n9"] == (Status.retry, "the results do not name the member")
    assert sum(status is Status.sent for status, _ in outcomes.values()) == PEOPLE - 4
    begun, look, packed, segment = (request for request, _ in made.journal.calls)
    first = content_of(begun)["operations"][0]
    assert (first["method"], first["operation_id"]) == ("PUT", "0")
    assert json.loads(first["body"])["status_if_new"] == "transactional"
    assert look.method == "GET"
    assert "authorization" not in packed.headers, "the key stays with Mailchimp"
    assert packed.url.host == "results.example.org"
    added = content_of(segment)["members_to_add"]
    assert len(added) == PEOPLE - 4
    assert "n3@example.com" not in added


def test_a_batch_of_which_all_members_are_refused_alike_is_one_refusal(bench: Make) -> None:
    made = bench("mailchimp")
    _batch_ended(made, [_result(place, 400, "Invalid Resource") for place in range(PEOPLE)])
    with pytest.raises(RequestRefused) as caught:
        made.destination.poll(made.session, Batch("r", _people()), "batch1")
    assert caught.value.status == 400
    assert not [r for r, _ in made.journal.calls if "segments" in r.url.path]


# Names of their own: a gzip has its time of day in it, and workers must collect the same tests.
@pytest.mark.parametrize(
    "packed", [b"", b"no archive", archive([])[:40]], ids=["empty", "no archive", "torn"]
)
def test_results_that_are_no_archive_are_no_success(packed: bytes, bench: Make) -> None:
    made = bench("mailchimp")
    _batch_ended(made, [])
    _answering(made, "/packed.tar.gz", packed)
    with pytest.raises(ValueError, match="no archive"):
        made.destination.poll(made.session, Batch("r", _people()), "batch1")


def test_a_run_that_was_killed_goes_on_with_the_batch_and_makes_no_other(bench: Make) -> None:
    made = bench("mailchimp")
    begun = made.destination.upsert(made.session, Batch("r", _people()))
    assert begun == Pending("batch1")
    rows = [replace(row, values={}) for row in _people()]  # as the ledger gives them back
    outcomes = made.destination.poll(made.session, Batch("r", rows), "batch1")
    assert isinstance(outcomes, Sequence)
    assert {outcome.status for outcome in outcomes} == {Status.sent}
    assert [r.url.path for r, _ in made.journal.calls].count("/batches") == 1
    assert len(content_of(made.journal.calls[-1][0])["members_to_add"]) == PEOPLE


@pytest.mark.parametrize("status", ["pending", "preprocessing", "started", "finalizing"])
def test_a_batch_that_is_at_work_is_waited_for(status: str, bench: Make) -> None:
    made = bench("mailchimp")
    _answering(made, "GET /batches/batch1", {"id": "batch1", "status": status})
    found = made.destination.poll(made.session, Batch("r", _people()), "batch1")
    assert found == Pending("batch1")


@pytest.mark.parametrize(
    ("name", "options", "call", "key"),
    [
        ("mailchimp", {}, "/segments/", "members_to_add"),
        ("salesforce", {"external_id": "Shop_Id__c"}, "/composite/sobjects", "records"),
    ],
)
def test_who_opts_out_while_a_job_is_at_work_is_not_added_to_the_audience(
    name: str, options: dict[str, str], call: str, key: str, bench: Make
) -> None:
    made = bench(name, options=options)
    left = {"p_n4", "p_n20"}

    def gate(rows: Sequence[Row]) -> list[str]:
        return ["opted out" if row.row_key in left else "" for row in rows]

    made.session.gates.append(gate)
    outcomes = {o.row.row_key: o.status for o in made.send(*_people())}
    assert {key for key, status in outcomes.items() if status is Status.retry} == left
    joined = [r for r, _ in made.journal.calls if call in r.url.path]
    assert len(content_of(joined[0])[key]) == PEOPLE - 2


def _ended(status: str, **parts: Any) -> dict[str, Any]:
    return {"requestStatusPerDestination": [{"requestStatus": status, **parts}]}


def test_google_is_asked_how_a_request_ended(bench: Make) -> None:
    made = bench("google_data_manager")
    counted = {"recordCount": "41", "uploadMatchRateRange": "MATCH_RATE_RANGE_61_TO_70"}
    reason = {"recordCount": "3", "reason": "PROCESSING_ERROR_REASON_DENIED_CONSENT"}
    _answering(
        made,
        "requestStatus:retrieve",
        _ended(
            "PARTIAL_SUCCESS",
            audienceMembersIngestionStatus={"userDataIngestionStatus": counted},
            errorInfo={"errorCounts": [reason]},
        ),
    )
    assert {o.status for o in made.send(*_people(4))} == {Status.sent}
    made.send(*_people(2))
    asked = [r for r, _ in made.journal.calls if r.method == "GET"]
    assert asked[0].url.params["requestId"] == "r-1"
    assert made.session.notes == [
        "Google has finished 2 request(s) PARTIAL_SUCCESS, 82 record(s), 2 with a match rate of"
        " 61 to 70 %, 6 DENIED_CONSENT"
    ]


@pytest.mark.parametrize("status", ["PROCESSING", "REQUEST_STATUS_UNKNOWN"])
def test_a_request_that_google_works_on_is_asked_for_again(status: str, bench: Make) -> None:
    made = bench("google_data_manager")
    _answering(made, "requestStatus:retrieve", _ended(status))
    rows = _people(3)
    assert made.destination.upsert(made.session, Batch("r", rows)) == Accepted("r-1")
    assert made.destination.poll(made.session, Batch("r", rows), "r-1") == Accepted("r-1")
    assert not made.session.notes


@pytest.mark.parametrize("operation", [Operation.add, Operation.remove])
def test_the_rows_of_a_request_that_failed_are_sent_again(
    operation: Operation, bench: Make
) -> None:
    made = bench("google_data_manager")
    _answering(made, "requestStatus:retrieve", _ended("FAILED"))
    rows = [person("ann", operation), person("bob", operation)]
    outcomes = made.send(*rows)
    assert {(o.status, o.reason) for o in outcomes} == {(Status.retry, "the request failed later")}


BRAZE = {"first_name": "Ann", "tier": "gold", "orders": 7, "city": None}


def _changed(*names: str) -> Row:
    row = _row({"email": "ann@example.com", **BRAZE}, operation=Operation.update)
    return replace(row, changed=frozenset(names))


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (("tier",), {"tier": "gold"}),
        (("orders", "city"), {"orders": 7, "city": None}),
        (("email",), {"email": "ann@example.com"}),
    ],
)
def test_braze_gets_of_an_update_what_has_changed(
    changed: tuple[str, ...], expected: dict[str, Any], bench: Make
) -> None:
    made = bench("braze", columns=_columns(*BRAZE), options={"identifier": "email"})
    assert made.send(_changed(*changed))[0].status is Status.sent
    sent = content_of(made.journal.calls[0][0])["attributes"]
    assert sent == [{"email": "ann@example.com", **expected}]


def test_braze_gets_all_where_it_is_not_known_what_it_has(bench: Make) -> None:
    made = bench("braze", columns=_columns(*BRAZE), options={"identifier": "email"})
    made.send(_row({"email": "ann@example.com", **BRAZE}, operation=Operation.update))
    sent = content_of(made.journal.calls[0][0])["attributes"]
    assert sent == [{"email": "ann@example.com", **BRAZE, "in_vip": True}]


def test_braze_is_not_called_for_a_change_that_it_does_not_get(bench: Make) -> None:
    columns = {**_columns("tier"), "city": {"from": "city", "when_null": "leave"}}
    made = bench("braze", columns=columns, options={"identifier": "email"})
    cleared = replace(
        _row({"email": "ann@example.com", "tier": "gold", "city": None}),
        changed=frozenset({"city"}),
    )
    other = replace(person("bob"), changed=frozenset({"email"}))
    outcomes = made.send(cleared, other)
    assert [outcome.status for outcome in outcomes] == [Status.sent, Status.sent]
    assert [u["email"] for u in content_of(made.journal.calls[0][0])["attributes"]] == [
        "bob@example.com"
    ]
    made.journal.calls.clear()
    made.send(cleared)
    assert not made.journal.calls


def test_the_bulk_endpoint_of_braze_takes_a_thousand_users(bench: Make) -> None:
    made = bench("braze", options={"identifier": "email", "bulk": True})
    assert made.destination.rows_of_request(made.sync) == 1_000
    made.send(person("ann"))
    assert made.journal.calls[0][0].url.path == "/users/track/bulk"
    assert bench("braze").destination.rows_of_request(bench("braze").sync) == 75
    for value in ("yes", 1):
        with pytest.raises(ConfigError, match="options/bulk"):
            bench("braze", options={"bulk": value})


def test_hashes_of_a_row_name_the_columns_that_changed() -> None:
    whole = "0" * 32
    former = f"{whole}:email=aa,tier=bb,city=cc"
    assert changes.columns(former, f"{whole}:email=aa,tier=b1,city=cc") == frozenset({"tier"})
    assert changes.columns(former, f"{whole}:city=cc,email=aa,tier=bb") == frozenset()
    assert changes.columns(former, f"{whole}:email=aa,tier=bb,city=cc,age=dd") == frozenset({"age"})
    for unknown in (None, whole, ""):
        assert changes.columns(unknown, former) is None


@pytest.mark.parametrize(("flag", "mark"), [(True, ["LDU"]), (False, []), (None, ["LDU"])], ids=str)
def test_meta_gets_limited_data_use_by_a_column(
    flag: bool | None, mark: list[str], bench: Make
) -> None:
    made = bench("meta", columns=_columns("limited_data_use"))
    made.send(_row({"email": "ann@example.com", "limited_data_use": flag}))
    payload = content_of(made.journal.calls[0][0])["payload"]
    assert payload["schema"] == ["EMAIL", "DATA_PROCESSING_OPTIONS"]
    assert payload["data"][0][1] == mark
    identifiers = made.destination.identifiers(
        made.sync, {"email": "ann@example.com", "limited_data_use": flag}
    )
    assert "limited" not in str(identifiers)


def test_meta_gets_limited_data_use_for_all(bench: Make) -> None:
    made = bench("meta", options={"limited_data_use": True})
    made.send(person("ann"), person("bob"))
    payload = content_of(made.journal.calls[0][0])["payload"]
    assert [row[-1] for row in payload["data"]] == [["LDU"], ["LDU"]]
    made.send(person("ann", Operation.remove))
    assert content_of(made.journal.calls[1][0])["payload"]["schema"] == ["EMAIL"]


@pytest.mark.parametrize(
    ("columns", "stated"), [(("limited_data_use",), True), ((), "LDU"), ((), 1)]
)
def test_limited_data_use_is_stated_once(
    columns: tuple[str, ...], stated: Any, bench: Make
) -> None:
    with pytest.raises(ConfigError, match="options/limited_data_use"):
        bench("meta", columns=_columns(*columns), options={"limited_data_use": stated})


def test_a_contact_that_the_list_of_hubspot_does_not_take_is_sent_again(bench: Make) -> None:
    made = bench("hubspot")
    # Of two that are missing for the list, one is on it already and one was merged meanwhile.
    _answering(made, "add-and-remove", {"recordIdsMissing": ["id-ann", "id-bob"]})
    _answering(made, "/batch/read", {"results": [{"id": "id-bob"}, {"id": "id-of-another"}]})
    found = {o.row.row_key: (o.status, o.reason) for o in made.send(person("ann"), person("bob"))}
    assert found["p_bob"][0] is Status.sent
    assert found["p_ann"] == (Status.retry, "not put on the list: the contact is missing")
