"""Three vendors by descriptions alone: the same battery, and the same requests as those in Python
make.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from activation.generic import folder
from activation.generic.http_destination import HttpDestination
from activation.model import Operation, Row
from tests.contracts import test_destinations as battery
from tests.contracts import test_requests, test_values
from tests.contracts.bench import Bench, bench, person
from tests.contracts.vendors import VENDORS, content_of

__all__ = ["bench"]

Make = Callable[..., Bench]
FOLDER = Path(__file__).parent / "twins"
TWINS = sorted(path.stem for path in FOLDER.glob("*.yml"))
CHECKS: list[tuple[Callable[..., None], tuple[Any, ...]]] = [
    (battery.test_rows_have_outcomes_and_the_bad_one_alone_is_refused, ()),
    (battery.test_a_removal_is_a_removal_and_never_an_unsubscription, ()),
    (battery.test_nothing_is_ever_subscribed, ()),
    (battery.test_sending_again_makes_the_same_requests, ()),
    *[(battery.test_throttles_and_outages_are_tried_again, (s,)) for s in (429, 500, 503)],
    *[(battery.test_refused_credentials_stop_at_once, (s,)) for s in (401, 403)],
    (battery.test_no_secret_and_no_address_is_ever_printed, ()),
    (battery.test_a_consent_field_cannot_be_mapped, ()),
    (battery.test_a_use_that_the_tool_is_not_for_is_refused, ("analytics", "any")),
    (battery.test_a_use_that_the_tool_is_not_for_is_refused, ("advertising", "email")),
    (battery.test_the_mode_update_creates_nobody_or_is_refused, ()),
    (battery.test_values_that_are_null_and_left_alone_are_not_sent, ()),
]


@pytest.fixture(autouse=True)
def twins(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, HttpDestination]]:
    """The descriptions of tests/contracts/twins are destinations with the vendors' answers."""
    made = {name: folder.read(FOLDER / f"{name}.yml") for name in TWINS}
    described = folder.described
    monkeypatch.setattr(folder, "described", lambda taken: {**described(taken), **made})
    for name in TWINS:
        monkeypatch.setitem(VENDORS, name, replace(VENDORS[name.removesuffix("_twin")]))
    yield made


def test_there_are_three() -> None:
    assert len(TWINS) == 3


@pytest.mark.parametrize(("check", "more"), CHECKS, ids=lambda part: getattr(part, "__name__", ""))
@pytest.mark.parametrize("name", TWINS)
def test_a_description_passes_the_battery(
    name: str, check: Callable[..., None], more: tuple[Any, ...], bench: Make
) -> None:
    check(name, *more, bench)


@pytest.mark.parametrize("is_removal", [False, True])
@pytest.mark.parametrize("name", TWINS)
def test_a_plan_of_a_description_counts_what_is_made(
    name: str, is_removal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_requests.test_a_batch_takes_as_many_requests_as_stated(name, is_removal, monkeypatch)


@pytest.mark.parametrize("name", TWINS)
def test_every_type_leaves_by_a_description(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test_values.test_every_type_leaves_through_every_destination(name, monkeypatch)
    test_values.test_json_destinations_write_times_and_numbers_alike(name, monkeypatch)


@pytest.mark.parametrize("name", TWINS)
def test_the_requests_are_those_of_the_destination_in_python(name: str, bench: Make) -> None:
    columns = {
        "email": {"from": "email"},
        "first_name": {"from": "first_name"},
        "city": {"from": "city", "when_null": "leave"},
    }
    typed = [_row(place, value) for place, (_, value, _) in enumerate(test_values.TYPED)]
    removed = [person(word, Operation.remove) for word in ("ann", "bad", "cid")]
    seen = []
    for each in (name, name.removesuffix("_twin")):
        made = bench(each, columns=columns)
        outcomes = [
            (outcome.row.row_key, outcome.status)
            for rows in (typed, [person("ann"), person("bad"), person("cid")], removed)
            for outcome in made.send(*rows)
        ]
        seen.append((outcomes, _requests(made)))
    assert seen[0] == seen[1]
    assert len(seen[0][1]) >= 3


@pytest.mark.parametrize("name", TWINS)
def test_what_a_destination_states_is_alike(
    name: str, twins: dict[str, HttpDestination], bench: Make
) -> None:
    twin = twins[name]
    python = bench(name.removesuffix("_twin")).destination
    for word in (
        "settings", "optional_settings", "options", "batch_rows", "batch_bytes", "rate",
        "cost_unit", "updates_only", "is_repeatable", "job_seconds", "request_errors", "purposes",
        "channels", "grains",
    ):  # fmt: skip
        assert getattr(twin, word) == getattr(python, word), word
    assert twin.place_names.settings == python.place_names.settings
    assert twin.place_names.account == python.place_names.account
    assert dict(twin.place_names.options) == dict(python.place_names.options)


def test_an_option_maps_columns_to_fields_of_other_names(bench: Make) -> None:
    fields = {"first_name": "e1_T", "segments": "e2_T"}
    columns = {**{name: {"from": name} for name in fields}, "email": {"from": "email"}}
    bodies = []
    for name in ("sendgrid_twin", "sendgrid"):
        made = bench(name, columns=columns, options={"custom_fields": fields})
        values = {"email": "ann@example.com", "first_name": "Ann", "segments": None}
        made.send(
            Row(Operation.add, "p_a", "p_a", "ann@example.com", "ann@example.com", "h", values)
        )
        bodies.append(content_of(made.journal.calls[0][0]))
    assert bodies[0] == bodies[1]
    assert bodies[0]["contacts"][0]["custom_fields"] == {"e1_T": "Ann", "e2_T": None}


def _row(place: int, value: Any) -> Row:
    row = person(f"p{place}", first=value)
    row.values = {**row.values, "city": None if place % 2 else value}
    return row


def _requests(made: Bench) -> list[Any]:
    own = {"host", "content-length", "user-agent", "accept-encoding", "connection"}
    return [
        (
            request.method,
            str(request.url),
            content_of(request),
            {name: value for name, value in request.headers.items() if name not in own},
        )
        for request, _ in made.journal.calls
    ]
