"""One battery for every file of activation/destinations that speaks HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from activation import destination as destinations
from activation.client import Unanswered
from activation.destination import Destination
from activation.model import Operation, Status
from segmentry.errors import ConfigError, SegmentryError
from tests.conftest import shared_data
from tests.contracts.bench import NAMES, Bench, bench, person, specification_check
from tests.contracts.vendor_answers import BAD
from tests.contracts.vendors import VENDORS, content_of

__all__ = ["bench"]

NOT_HTTP = {"files", "redis", "s3_files", "sftp_files", "sql_table"}


def test_every_destination_runs_the_battery() -> None:
    assert set(destinations.all_destinations()) == set(VENDORS) | NOT_HTTP


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_outcomes_and_the_bad_one_alone_is_refused(
    name: str, bench: Callable[..., Bench]
) -> None:
    made = bench(name)
    outcomes = made.send(person("ann"), person("bad"), person("cid"))
    found = {outcome.row.row_key: outcome.status for outcome in outcomes}
    refused = Status.rejected if made.journal.vendor.refuses_alone else Status.sent
    assert found == {"p_ann": Status.sent, "p_bad": refused, "p_cid": Status.sent}
    assert all("example.com" not in outcome.reason for outcome in outcomes), [
        o.reason for o in outcomes
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_removal_is_a_removal_and_never_an_unsubscription(
    name: str, bench: Callable[..., Bench]
) -> None:
    made = bench(name)
    outcomes = made.send(person("ann", Operation.remove), person("cid", Operation.remove))
    assert [outcome.status for outcome in outcomes] == [Status.sent, Status.sent]
    assert made.journal.calls
    sent = made.bodies().lower() + "".join(
        request.url.path.lower() for request, _ in made.journal.calls if request.method != "GET"
    )
    assert "channelunsubscribe" not in sent.replace('"channelunsubscribe":false', "")
    for word in (
        "opt_out",
        "opted_out",
        "subscription",
        "suppress",
        '"unsubscribed"',
        "status",
    ):
        assert word not in sent, f"{word} in {sent}"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_ever_subscribed(name: str, bench: Callable[..., Bench]) -> None:
    made = bench(name)
    made.send(person("ann"), person("cid", Operation.update, first=None))
    keys = set(_keys([content_of(request) for request, _ in made.journal.calls]))
    assert not keys & {
        "status",
        "subscribed",
        "unsubscribed",
        "email_subscribe",
        "subscriptions",
        "consented_at",
    }, keys
    paths = " ".join(request.url.path for request, _ in made.journal.calls)
    assert "subscription" not in paths
    assert "/unsuppress" not in paths


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
        for part in value.values():
            yield from _keys(part)
    elif isinstance(value, list):
        for part in value:
            yield from _keys(part)


@pytest.mark.parametrize("name", NAMES)
def test_sending_again_makes_the_same_requests(name: str, bench: Callable[..., Bench]) -> None:
    made = bench(name)
    made.send(person("ann"))
    first = _requests_of(made)
    made.journal.calls.clear()
    made.send(person("ann"))
    assert _requests_of(made) == first


def _requests_of(made: Bench) -> list[Any]:
    """Requests, but for the one that signs in, without the time that some carry."""
    calls = [
        request
        for request, _ in made.journal.calls
        if not request.url.path.startswith("/identity/")
    ]
    return [(request.method, request.url.path, _stable(content_of(request))) for request in calls]


def _stable(body: Any) -> Any:
    if isinstance(body, dict):
        body.pop("sentAt", None)
        for message in body.get("batch", []):
            message.pop("timestamp", None)
    return body


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_throttles_and_outages_are_tried_again(
    name: str, status: int, bench: Callable[..., Bench]
) -> None:
    made = bench(name)
    made.journal.script = [status, status]
    if status != 429 and not made.destination.is_repeatable:
        with pytest.raises(Unanswered) as caught:
            made.send(person("ann"))
        assert caught.value.may_have_arrived
        assert len(made.journal.calls) == 1, (
            "what may have been taken is not repeated where a repetition is news"
        )
        return
    assert [outcome.status for outcome in made.send(person("ann"))] == [Status.sent]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_stop_at_once(
    name: str, status: int, bench: Callable[..., Bench]
) -> None:
    made = bench(name)
    made.journal.script = [status] * 3
    with pytest.raises(SegmentryError) as caught:
        made.send(person("ann"))
    assert len(made.journal.calls) == 1
    assert "example.com" not in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_no_secret_and_no_address_is_ever_printed(name: str, bench: Callable[..., Bench]) -> None:
    """What is printed, logged and raised is searched by the fixture, as in every test of the
    battery.
    """
    made = bench(name)
    made.journal.script = [500] * 6
    with pytest.raises(SegmentryError):
        made.send(person("ann"), person("bad"))
    made.journal.script = []
    reasons = [outcome.reason for outcome in made.send(person("ann"), person("bad"))]
    assert "@example.com" not in "".join(reasons)


@pytest.mark.parametrize("name", NAMES)
def test_a_consent_field_cannot_be_mapped(name: str, bench: Callable[..., Bench]) -> None:
    with pytest.raises(ConfigError, match="consent or subscription field"):
        bench(name, columns={"email": {"from": "email"}, "email_subscribe": {"from": "first_name"}})


ADVERTISING = {
    "meta", "google_data_manager", "tiktok", "linkedin", "pinterest", "snapchat", "microsoft_ads",
}  # fmt: skip
MAILS_ALONE = {"mailchimp", "sendgrid"}
ONES_OWN = {"segment", "slack", "webhook"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("purpose", "channel"),
    [
        ("analytics", "any"),
        ("marketing", "ads"),
        ("advertising", "email"),
        ("advertising", "any"),
        ("personalization", "ads"),
    ],
)
def test_a_use_that_the_tool_is_not_for_is_refused(
    name: str, purpose: str, channel: str, bench: Callable[..., Bench]
) -> None:
    if name in ONES_OWN or (name, purpose) == ("optimizely_odp", "analytics"):
        bench(name, purpose=purpose, channel=channel)
        return
    with pytest.raises(ConfigError, match=r"is not for the (purpose|channel)") as caught:
        bench(name, purpose=purpose, channel=channel)
    made = destinations.all_destinations()[name]
    assert caught.value.allowed in {", ".join(made.purposes), ", ".join(made.channels)}


def test_every_destination_states_what_it_is_for() -> None:
    for name, made in destinations.all_destinations().items():
        assert made.purposes, name
        assert set(made.purposes) <= set(destinations.EVERY_PURPOSE), name
        assert made.channels, name
        assert set(made.channels) <= set(destinations.EVERY_CHANNEL), name
        is_ads = "ads" in made.channels
        assert is_ads == ("advertising" in made.purposes), name
        if name in ADVERTISING:
            assert made.purposes == ("advertising",)
        if name in MAILS_ALONE:
            assert made.channels == ("email",)


# What in a request of mode update keeps the tool from creating people.
CREATES_NOBODY = {
    "braze": "_update_existing_only", "mailchimp": "PATCH", "marketo": "updateOnly",
    "onesignal": "PATCH",
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_mode_update_creates_nobody_or_is_refused(
    name: str, bench: Callable[..., Bench]
) -> None:
    if name not in CREATES_NOBODY:
        with pytest.raises(ConfigError, match="mode 'update'"):
            bench(name, mode="update")
        return
    made = bench(name, mode="update")
    made.send(person("ann", Operation.update))
    writes = [
        f"{r.method} {r.content.decode()}"
        for r, _ in made.journal.calls
        if not r.url.path.startswith("/identity")
    ]
    assert CREATES_NOBODY[name] in writes[0]


@pytest.mark.parametrize("name", NAMES)
def test_values_that_are_null_and_left_alone_are_not_sent(
    name: str, bench: Callable[..., Bench]
) -> None:
    if VENDORS[name].columns or name == "slack":
        return  # identifiers alone, or no person at all
    columns = {
        "email": {"from": "email"},
        "first_name": {"from": "first_name", "when_null": "leave"},
    }
    made = bench(name, columns=columns)
    made.send(person("ann", Operation.update, first=None))
    if name == "salesforce":
        assert "ann@example.com,\n" in made.bodies(), "an empty cell leaves the value alone"
        return
    assert "first_name" not in made.bodies().lower()


@pytest.mark.parametrize("name", [name for name in NAMES if VENDORS[name].specs])
def test_requests_and_answers_fit_the_vendors_own_specification(
    name: str, bench: Callable[..., Bench]
) -> None:
    shared_data("openapi")
    made = bench(name)
    made.send(person("ann"), person("bad"))
    made.send(person("ann", Operation.update, first=None))
    made.send(person("ann", Operation.remove))
    list(made.destination.read_back(made.session) or [])
    checked = specification_check(made)
    results = [checked(request, response) for request, response in made.journal.calls]
    print(name, f"{sum(results)} of {len(results)} exchanges are described by the specification")
    assert sum(results) >= 2


@pytest.mark.parametrize("name", [name for name in NAMES if VENDORS[name].specs])
def test_a_wrong_request_does_not_fit_the_specification(
    name: str, bench: Callable[..., Bench]
) -> None:
    from openapi_core.exceptions import OpenAPIError

    shared_data("openapi")
    made = bench(name)
    made.send(person("ann"), person("bad"))
    checked = specification_check(made)
    described = [
        (request, response)
        for request, response in made.journal.calls
        if checked(request, response)
    ]
    request, response = next(pair for pair in described if isinstance(content_of(pair[0]), dict))
    body = content_of(request)
    field = next(
        key
        for key in ("data", "inputs", "batch", "contacts", "attributes", "input", "email_address")
        if key in body
    )
    request._content = json.dumps({**body, field: 7}).encode()
    with pytest.raises(OpenAPIError):
        checked(request, response)
    request._content = json.dumps(body).encode()
    assert checked(request, response), "the request as it was made fits"
    assert any(_is_refused(checked, *pair) for pair in described), (
        "an answer of another shape fits as well"
    )


def _is_refused(checked: Callable[[Any, Any], bool], request: Any, response: Any) -> bool:
    from openapi_core.exceptions import OpenAPIError

    response._content = b"[7]"
    try:
        return not checked(request, response)
    except OpenAPIError:
        return True


def test_the_battery_covers_removal_of_destinations_by_type() -> None:
    for name, made in destinations.all_destinations().items():
        assert isinstance(made, Destination)
        assert made.batch_rows >= 1, name
        assert type(made).__doc__, name
    assert BAD.endswith("@example.com")
