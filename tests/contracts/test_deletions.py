"""Every destination deletes people, or states who does; one battery for those that speak HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from activation import deletion
from activation import destination as destinations
from activation.client import Unanswered
from activation.deletion import Receipt
from activation.model import Batch, Operation, Row
from tests.conftest import shared_data
from tests.contracts.bench import Bench, bench, person, specification_check
from tests.contracts.deletion_vendors import SETTINGS, VENDORS, Vendor
from tests.contracts.vendors import VENDORS as BENCHES

__all__ = ["bench"]

NAMES = sorted(VENDORS)
BY_HAND = {"adobe_target", "slack"}
# Their removal is tested with the files and databases that they write.
NOT_HTTP = {"files", "s3_files", "sftp_files", "redis", "sql_table"}
PEOPLE = ("ann", "bob", "cid")
Make = Callable[..., Bench]


def _made(bench: Make, name: str, vendor: Vendor) -> Bench:
    made = bench(name)
    answer: Any = partial(VENDORS[name], vendor)
    made.journal.vendor = replace(made.journal.vendor, answer=answer)
    connection = {**made.session.connection, **SETTINGS.get(name, {})}
    made.session = replace(made.session, connection=connection, clients={})
    return made


def _row(name: str) -> Row:
    return person(name, Operation.remove)


def _request(made: Bench, *names: str) -> list[Receipt]:
    way = deletion.of(made.sync.destination)
    batch = Batch("request1", [_row(name) for name in names])
    return way.request(made.session, batch)


def test_every_destination_states_how_a_person_is_deleted() -> None:
    known = set(destinations.all_destinations())
    assert set(deletion.all_deletions()) <= known
    assert all(deletion.of(name).is_by_hand for name in known - set(deletion.all_deletions()))
    assert set(VENDORS) | BY_HAND | NOT_HTTP == set(deletion.all_deletions())


@pytest.mark.parametrize("name", NAMES)
def test_those_who_are_asked_for_are_deleted_and_nobody_else(name: str, bench: Make) -> None:
    vendor = Vendor(*PEOPLE)
    made = _made(bench, name, vendor)
    receipts = _request(made, "ann", "cid")
    assert [one.row.identity[:3] for one in receipts] == ["ann", "cid"]
    assert not any(one.is_refused for one in receipts)
    assert all(one.text and "example.com" not in one.text + one.job for one in receipts)
    assert set(vendor.people) == {"bob@example.com"}
    way = deletion.of(name)
    there = way.present(made.session, [_row(one) for one in PEOPLE])
    assert there in (None, {"bob@example.com"})
    assert (there is None) is (way.proof != "read-back")


@pytest.mark.parametrize("name", NAMES)
def test_a_repetition_is_no_fault_and_brings_nobody_back(name: str, bench: Make) -> None:
    vendor = Vendor(*PEOPLE)
    made = _made(bench, name, vendor)
    _request(made, "ann")
    receipts = _request(made, "ann", "cid")
    assert not any(one.is_refused for one in receipts)
    assert set(vendor.people) == {"bob@example.com"}


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_created_or_subscribed(name: str, bench: Make) -> None:
    made = _made(bench, name, Vendor(*PEOPLE))
    _request(made, *PEOPLE)
    sent = made.bodies().lower()
    for word in ("subscribe", "upsert", "opt_in", "consent", "identify", '"attributes":['):
        assert word not in sent, f"{word} in {sent}"
    assert not any(
        request.method == "PUT" and "/members/" in request.url.path
        for request, _ in made.journal.calls
    )


def _fits(checked: Callable[[Any, Any], bool], request: Any, response: Any) -> bool:
    """An answer without a body has the specification of an error, where success has none."""
    from openapi_core.validation.response.exceptions import MissingData

    try:
        return checked(request, response)
    except MissingData:
        assert response.status_code == 204
        return True


# An address in a path is encoded, which openapi-core does not decode.
@pytest.mark.parametrize("name", [n for n in NAMES if BENCHES[n].specs and n != "customer_io"])
def test_requests_fit_the_vendors_own_specification(name: str, bench: Make) -> None:
    shared_data("openapi")
    made = _made(bench, name, Vendor(*PEOPLE))
    _request(made, "ann")
    deletion.of(name).present(made.session, [_row("ann")])
    checked = specification_check(made)
    requests = [one for one in made.journal.calls if "oauth" not in one[0].url.path]
    described = [_fits(checked, *one) for one in requests]
    print(name, f"{sum(described)} of {len(described)} exchanges are described")
    assert any(described)


@pytest.mark.parametrize("name", NAMES)
def test_an_outage_is_no_deletion(name: str, bench: Make) -> None:
    vendor = Vendor(*PEOPLE)
    made = _made(bench, name, vendor)
    made.journal.script.extend([503] * 40)
    with pytest.raises(Unanswered):
        _request(made, "ann")
    assert len(vendor.people) == 3


@pytest.mark.parametrize("name", ["optimizely_odp", "segment"])
def test_the_end_of_a_job_is_asked_for(name: str, bench: Make) -> None:
    vendor = Vendor(*PEOPLE)
    made = _made(bench, name, vendor)
    (receipt,) = _request(made, "ann")
    way = deletion.of(name)
    assert receipt.job
    assert not way.is_finished(made.session, receipt.job)
    vendor.drop([])
    assert way.is_finished(made.session, receipt.job)


@pytest.mark.parametrize(
    ("value", "is_kept"),
    [
        ("reg-1", True),
        ("2f623209-b202", True),
        ("ann@example.com", False),
        ("+447700900101", False),
    ],
)
def test_a_receipt_is_never_an_address_or_a_number(value: str, is_kept: bool) -> None:
    assert (deletion.receipt_id(value) == value) is is_kept
