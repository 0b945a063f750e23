"""One battery for every file of activation/destinations that speaks HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from activation import destination as destinations
from activation.client import Client, RequestRefused, Unanswered
from activation.destination import Destination, DestinationSession
from activation.hashing import sha256
from activation.model import Accepted, Batch, Operation, Pending, Row, RowOutcome, Status, all_sent
from segmentry.errors import ConfigError, SegmentryError
from segmentry.sync_config import parsed
from tests.conftest import shared_data
from tests.contracts.openapi import HttpxRequest, HttpxResponse, described_by
from tests.contracts.vendors import BAD, VENDORS, Journal, content_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VALUES = {
    "U": "https://vendor.example.com",
    "K": "key-5ecret5ecret",
    "L": "42",
    "S": SECRET,
    "I": "0b2f2f8e-6c1d-4c64-9d5e-0f6b3c2a1d00",
}
NAMES = sorted(VENDORS)
NOT_HTTP = {"files", "redis", "s3_files", "sftp_files", "sql_table"}


class FreeAccounts:
    """Accounts without limits."""

    def wait(self, account: str, rate: object, sleep: object) -> None:
        assert VALUES["K"] not in account

    def failed(self, account: str) -> None: ...

    def succeeded(self, account: str) -> None: ...


class Bench:
    """A destination with a vendor behind it."""

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch, **content: Any) -> None:
        vendor = VENDORS[name]
        self.journal = Journal(vendor)
        columns = vendor.columns or {
            "email": {"from": "email"},
            "first_name": {"from": "first_name"},
        }
        self.sync = parsed(
            "vip",
            {
                "name": "vip",
                "destination": name,
                "audience": {"segments": "all"},
                "purpose": vendor.purpose,
                "channel": vendor.channel,
                "address": "email",
                "key": vendor.key,
                "columns": columns,
                "options": vendor.options,
                "connection": {key: key.upper() for key in vendor.connection},
                **content,
            },
            Path("config/syncs/vip.yml"),
        )
        self.destination = destinations.of(self.sync)
        values = {key: VALUES[letter] for key, letter in vendor.connection.items()}
        made = partial(Client, transport=self.journal.transport(), sleep=lambda seconds: None)
        monkeypatch.setattr(destinations, "Client", made)
        self.session = DestinationSession(
            self.sync, values, FreeAccounts(), Path("outbox"), "run_1"
        )  # type: ignore[arg-type]

    def send(self, *rows: Row) -> list[RowOutcome]:
        """Send rows as the engine does: batches refused as a whole are halved."""
        batch = Batch("request1", list(rows))
        call = self.destination.remove if batch.is_removal else self.destination.upsert
        try:
            result = call(self.session, batch)
            while isinstance(result, Pending):
                result = self.destination.poll(self.session, batch, result.job_id)
            return self._ended(batch, result.job_id) if isinstance(result, Accepted) else result
        except RequestRefused as refusal:
            if refusal.status not in (400, 413, 422):
                raise
            if len(rows) == 1:
                return [
                    RowOutcome(rows[0], Status.rejected, f"refused with status {refusal.status}")
                ]
            middle = len(rows) // 2
            return [*self.send(*rows[:middle]), *self.send(*rows[middle:])]

    def _ended(self, batch: Batch, job_id: str) -> list[RowOutcome]:
        """Outcomes of rows that were accepted, after a look at their request."""
        result = self.destination.poll(self.session, batch, job_id)
        failed = result if isinstance(result, list) else []
        named = {outcome.row.row_key for outcome in failed}
        return [*failed, *all_sent([row for row in batch.rows if row.row_key not in named])]

    def bodies(self) -> str:
        return "".join(request.content.decode() for request, _ in self.journal.calls)


def person(name: str, operation: Operation = Operation.add, first: str | None = "Ann") -> Row:
    email = f"{name}@example.com"
    values: dict[str, Any] = (
        {} if operation is Operation.remove else {"email": email, "first_name": first}
    )
    return Row(operation, f"p_{name}", f"p_{name}", email, email, f"hash-{name}", values)


@pytest.fixture
def bench(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Callable[..., Bench]]:
    """Makes benches. At the end whatever was printed, logged or raised is searched for people and
    secrets.
    """
    raised: list[str] = []
    begin = SegmentryError.__init__

    def noted(self: SegmentryError, *words: str, **parts: str) -> None:
        begin(self, *words, **parts)
        raised.extend([str(self), repr(self)])

    monkeypatch.setattr(SegmentryError, "__init__", noted)
    monkeypatch.setattr("activation.client.FIRST_WAIT", 0.0)
    caplog.set_level(logging.DEBUG)
    made: list[Bench] = []

    def make(name: str, **content: Any) -> Bench:
        made.append(Bench(name, monkeypatch, **content))
        return made[-1]

    yield make
    printed = capfd.readouterr()
    notes = [note for one in made for note in one.session.notes]
    output = "\n".join(
        [
            *raised,
            *notes,
            printed.out,
            printed.err,
            caplog.text,
            *(repr(one.session) for one in made),
        ]
    )
    for word in ("@example.com", "%40example", VALUES["K"], SECRET[6:], sha256("ann@example.com")):
        assert word not in output, "a person or a secret was printed"


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
    checked = _checker(made)
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
    checked = _checker(made)
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


def _checker(made: Bench) -> Callable[[Any, Any], bool]:
    """Checks one exchange against the vendor's specifications: False where none of them describes
    it.
    """
    from openapi_core.templating.paths.exceptions import PathError

    paths = frozenset(request.url.path for request, _ in made.journal.calls)
    documents = _documents(made.journal.vendor.specs, paths)

    def checked(request: Any, response: Any) -> bool:
        for document in documents:
            try:
                document.validate_request(HttpxRequest(request))
                document.validate_response(HttpxRequest(request), HttpxResponse(response))
            except PathError:
                continue
            return True
        return False

    return checked


@cache
def _documents(files: tuple[str, ...], paths: frozenset[str]) -> list[Any]:
    from openapi_core import OpenAPI

    folder = shared_data("openapi") / "prism_ready"
    contents = [json.loads((folder / file).read_text(encoding="utf-8")) for file in files]
    described = [described_by(content, set(paths), VALUES["U"]) for content in contents]
    return [OpenAPI.from_dict(document) for document in described if document["paths"]]


def test_the_battery_covers_removal_of_destinations_by_type() -> None:
    for name, made in destinations.all_destinations().items():
        assert isinstance(made, Destination)
        assert made.batch_rows >= 1, name
        assert type(made).__doc__, name
    assert BAD.endswith("@example.com")
