"""The plan's number of requests equals what is made, for every destination and size of a batch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from activation import destination as destinations
from activation import expected_requests
from activation.model import Accepted, Batch, Operation, Pending, Row
from segmentry.sync_config import SyncLimits
from tests.contracts.bench import NAMES, Bench, person
from tests.contracts.vendors import content_of

SIZES = [1, 2, 99, 100, 101, 201]
SIGN_IN = "/identity/"


@pytest.mark.parametrize("is_removal", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_takes_as_many_requests_as_stated(
    name: str, is_removal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for size in (*SIZES, "most"):
        made = Bench(name, monkeypatch)
        most = min(made.destination.batch_rows, 1_000)
        rows = most if isinstance(size, str) else min(size, most)
        operation = Operation.remove if is_removal else Operation.add
        _send(made, [_there(person(f"p{number}", operation)) for number in range(rows)])
        calls = [r for r, _ in made.journal.calls if not r.url.path.startswith(SIGN_IN)]
        assert len(calls) == made.destination.requests_of(rows, is_removal=is_removal), (name, rows)


def _there(row: Row) -> Row:
    """A row that the ledger knows with the tool's own id, where it is removed."""
    return Row(
        row.operation, row.row_key, row.profile_id, row.identity, row.ledger_key, row.payload_hash,
        row.values, "7" if row.operation is Operation.remove else None,
    )  # fmt: skip


def _send(made: Bench, rows: list[Row]) -> None:
    batch = Batch("request1", rows)
    call = made.destination.remove if batch.is_removal else made.destination.upsert
    result: Any = call(made.session, batch)
    while isinstance(result, Pending):
        result = made.destination.poll(made.session, batch, result.job_id)
    if isinstance(result, Accepted):
        made.destination.poll(made.session, batch, result.job_id)


PERSON = {
    "meta": {"email": "Ann@Example.com", "phone": "+447700900101", "fn": "Ann", "extern_id": "u-1"},
    "google_data_manager": {"email": "Ann@Example.com", "phone": "+447700900101"},
    "tiktok": {"email": "Ann@Example.com", "phone": "+447700900101"},
    "linkedin": {"email": "Ann@Example.com", "google_aid": "38400000-8CF0-11BD-B23E-10B96E40000D"},
}


@pytest.mark.parametrize("name", sorted(PERSON))
def test_a_removal_repeats_every_identifier_that_was_sent(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = {column: {"from": column} for column in PERSON[name]}
    made = Bench(name, monkeypatch, columns=columns)
    identifiers = made.destination.identifiers(made.sync, PERSON[name])
    added = _row(Operation.add, PERSON[name], identifiers)
    _send(made, [added])
    _send(made, [_row(Operation.remove, {}, identifiers)])
    parts = [_identifiers_of(name, body) for body in _bodies(made)]
    assert parts[0] == parts[1]
    assert len(parts[0]) == len(PERSON[name])
    _send(made, [_row(Operation.remove, {}, None)])
    by_key = _identifiers_of(name, _bodies(made)[-1])
    assert by_key < parts[0], "a row of an older ledger is removed by its key"


def test_every_destination_that_names_rows_by_values_makes_identifiers() -> None:
    found = {name for name, one in destinations.all_destinations().items() if one.identifying}
    assert found == set(PERSON)


def _row(operation: Operation, values: dict[str, Any], identifiers: str | None) -> Row:
    email = "ann@example.com"
    return Row(operation, "p_ann", "p_ann", email, email, "hash", values, identifiers=identifiers)


def _bodies(made: Bench) -> list[Any]:
    return [content_of(r) for r, _ in made.journal.calls if r.method != "GET"]


def _identifiers_of(name: str, body: Any) -> set[tuple[str, str]]:
    if name == "meta":
        row = body["payload"]["data"][0]
        return {pair for pair in zip(body["payload"]["schema"], row, strict=True) if pair[1]}
    if name == "tiktok":
        row = body["batch_data"][0]
        return {
            pair for pair in zip(body["id_schema"], map(str, row), strict=True) if pair[1] != "{}"
        }
    if name == "linkedin":
        return {(one["idType"], one["idValue"]) for one in body["elements"][0]["userIds"]}
    named = body["audienceMembers"][0]["userData"]["userIdentifiers"]
    return {pair for one in named for pair in one.items()}


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 10_000])
@pytest.mark.parametrize(("name", "own"), [("mailchimp", None), ("webhook", 3), ("klaviyo", 3)])
def test_a_plan_counts_the_batches_that_are_made(name: str, own: int | None, rows: int) -> None:
    destination = destinations.all_destinations()[name]
    sync: Any = SimpleNamespace(limits=SyncLimits(batch_rows=own))
    limit = own or destination.batch_rows
    sizes = [min(limit, rows - start) for start in range(0, rows, limit)]
    expected = sum(destination.requests_of(size, is_removal=False) for size in sizes)
    found = expected_requests._batched(rows, sync, destination, is_removal=False)
    assert found == expected
    if name == "mailchimp" and rows == 10_000:
        assert expected == 60, "of twenty batches each: itself, a look at it, the segment"
