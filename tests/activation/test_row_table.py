"""Rows in columns are the rows that they stand for, wherever the two are treated apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from activation import row_columns
from activation.consent import normal_address, normal_addresses
from activation.destination import all_destinations
from activation.destination import given as given_one
from activation.destinations import webhook
from activation.ledger import dead_letters, open_requests, outcomes, tables
from activation.ledger.database import Ledger
from activation.model import AllSent, Batch, Operation, Row, RowOutcome, Status, all_sent
from activation.row_table import RowTable, joined
from activation.send.batching import batch_of, batches
from segmentry import sync_files
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig
from tests.activation.shop import Shop

ADDRESSES = ["ann@example.com", "bob", "", "c d@example.com", "eve@example.org", "zoé@example.com"]
PHONES = [None, "+4915112345678", "0151 12345", ""]


def table(rows: Iterable[tuple[str, str | None, Any, bool]]) -> RowTable:
    """A table of (address, phone, any other value, whether it is an update)."""
    given_rows = list(rows)
    keys = [f"p_{place}" for place in range(len(given_rows))]
    emails = [email for email, *_ in given_rows]
    return RowTable(
        {
            "email": emails,
            "phone_number": [phone for _, phone, _, _ in given_rows],
            "other": [other for _, _, other, _ in given_rows],
        },
        [Operation.update if is_update else Operation.add for *_, is_update in given_rows],
        keys,
        [f"profile {key}" for key in keys],
        emails,
        [email.lower() for email in emails],
        [f"hash {key}" for key in keys],
        ["theirs" if is_update else None for *_, is_update in given_rows],
    )


OTHERS = [None, 1, "x", 0.5, float("nan"), Decimal("12.5"), date(2026, 5, 1), [1], True]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(ADDRESSES), st.sampled_from(PHONES), st.sampled_from(OTHERS), st.booleans()
    ),
    min_size=1,
    max_size=12,
)
USUAL = [("ann@example.com", None, 1, False), ("eve@example.org", None, 2, True)]


@pytest.fixture
def sync(shop: Shop) -> SyncConfig:
    shop.sync("hook", limits={"batch_rows": 3})
    return sync_files.one(shop.settings, "hook")


@settings(deadline=None)
@given(rows=ROWS, first=st.integers(0, 12), last=st.integers(0, 12), place=st.integers(-3, 2))
def test_a_part_of_a_table_is_the_part_of_its_rows(
    rows: list[Any], first: int, last: int, place: int
) -> None:
    made = table(rows)
    plain = list(made)
    assert len(made) == len(plain) == len(rows)
    assert list(made[first:last]) == plain[first:last]
    assert list(joined(made[:first], made[first:])) == plain
    if -len(plain) <= place < len(plain):
        assert made[place] == plain[place]


@settings(deadline=None)
@given(rows=ROWS)
def test_a_request_of_columns_has_the_id_and_the_packed_rows_of_its_rows(rows: list[Any]) -> None:
    made = table(rows)
    assert batch_of("hook", 3, made).request_id == batch_of("hook", 3, list(made)).request_id
    assert open_requests._packed(made) == open_requests._packed(list(made))


@settings(deadline=None)
@given(rows=ROWS)
def test_columns_fit_only_where_each_row_fits(rows: list[Any]) -> None:
    made = table(rows)
    for destination in all_destinations().values():
        if row_columns.all_fit(destination, made):
            assert not any(map(destination.invalid, made))
    is_fit = row_columns.all_fit(webhook.DESTINATION, made)
    assert is_fit == (not any(map(webhook.DESTINATION.invalid, made)))


def test_values_of_columns_are_those_of_their_rows(sync: SyncConfig) -> None:
    made = table([("ann@example.com", None, other, False) for other in OTHERS])
    assert row_columns.given_all(made, sync) == [given_one(row, sync) for row in made]


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.emails(),
        st.from_regex(r"\A[a-z0-9_+.-]{1,9}@[a-z0-9.-]{1,12}(\.[a-z]{1,4})?\Z"),
        st.text(max_size=20),
        st.none(),
    )
)
def test_the_glance_at_an_address_gives_its_normal_form(value: str | None) -> None:
    assert normal_addresses("email", [value]) == [normal_address("email", value)]


@pytest.mark.parametrize(
    "value",
    ["a@x.com.", "a@x--y.com", "a@xn--bcher-kva.com", "none@none.com", "a..b@x.com", "a@-x.com",
     "a@localhost", ".a@x.com", "A@x.com", "a@x.com\n", " a@x.com", "test@test.com"],
)  # fmt: skip
def test_an_odd_address_is_judged_with_care(value: str) -> None:
    assert normal_addresses("email", [value]) == [normal_address("email", value)]


def test_batches_of_columns_keep_the_order_and_the_limits(sync: SyncConfig) -> None:
    made = table(USUAL * 5)
    removals = [Row(Operation.remove, f"r{n}", "p", "x", f"r{n}", "") for n in range(4)]
    chunks: list[Sequence[Row]] = [removals, made[:4], list(made)[4:6], made[6:]]
    cut = list(batches(chunks, sync, webhook.DESTINATION))
    assert [row for rows in cut for row in rows] == [*removals, *made]
    assert [len(rows) for rows in cut] == [3, 1, 3, 3, 3, 1]


def _content(ledger: Ledger) -> list[Any]:
    found: list[Any] = []
    for relation in (tables.destination_rows, tables.changes, tables.intents, tables.dead_letters):
        columns = [column for column in relation.c if not isinstance(column.type, sa.DateTime)]
        with ledger.begin() as connection:
            found.append(connection.execute(sa.select(*columns).order_by(*columns)).all())
    return found


def test_the_ledger_records_columns_as_it_records_rows(home: Settings, tmp_path: Path) -> None:
    made = table(USUAL * 3)
    refused = RowOutcome(made[0], Status.rejected, "refused")
    recorded = []
    one_by_one = [RowOutcome(row, Status.sent) for row in made]
    for taken in (all_sent(made), one_by_one, AllSent(list(made))):
        ledger = Ledger(home)
        outcomes.record(ledger, "hook", "run", None, [refused])
        assert dead_letters.may_return(ledger, "hook")
        open_requests.intend(ledger, "hook", "run", Batch("request", made))
        outcomes.record(ledger, "hook", "run", "request", taken)
        recorded.append(_content(ledger))
        ledger.close()
        for path in home.home.glob("ledger.sqlite*"):
            path.unlink()
    assert recorded[0] == recorded[1] == recorded[2]
    rows, changes, open_now, dead = recorded[0]
    assert (len(rows), len(changes), open_now, dead) == (2, 7, [], [])


def test_a_time_of_a_column_leaves_in_utc(sync: SyncConfig) -> None:
    made = table([("ann@example.com", None, datetime(2026, 5, 1, 9, 30), False)])
    assert row_columns.given_all(made, sync)[0]["other"] == "2026-05-01T09:30:00Z"
