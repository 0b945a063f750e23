"""The plan's number of requests equals what is made, for every destination and size of a batch."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from activation import destination as destinations
from activation import operate
from activation.model import Batch, Operation, Pending, Row
from segmentry.sync_config import SyncLimits
from tests.contracts.test_destinations import NAMES, Bench, person

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


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 10_000])
@pytest.mark.parametrize(("name", "own"), [("mailchimp", None), ("webhook", 3), ("klaviyo", 3)])
def test_a_plan_counts_the_batches_that_are_made(name: str, own: int | None, rows: int) -> None:
    destination = destinations.all_destinations()[name]
    sync = SimpleNamespace(limits=SyncLimits(batch_rows=own))
    counts = Counter({"add": rows, "update": 0, "remove": 0})
    plan = SimpleNamespace(sync=sync, counts=counts, withdrawn=0, is_empty=not rows)
    limit = own or destination.batch_rows
    sizes = [min(limit, rows - start) for start in range(0, rows, limit)]
    expected = sum(destination.requests_of(size, is_removal=False) for size in sizes)
    assert operate._requests(destination, plan) == expected  # type: ignore[arg-type]
    if name == "mailchimp" and rows == 10_000:
        assert expected == 10_020, "each member, and each segment call"
