"""A destination with a vendor behind it, which the tests of this folder send rows to."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from activation import destination as destinations
from activation.client import Client, RequestRefused
from activation.destination import DestinationSession
from activation.hashing import sha256
from activation.model import Accepted, Batch, Operation, Pending, Row, RowOutcome, Status, all_sent
from segmentry.errors import SegmentryError
from segmentry.sync_config import parsed
from tests.conftest import shared_data
from tests.contracts.openapi import HttpxRequest, HttpxResponse, described_by
from tests.contracts.vendors import VENDORS, Journal

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VALUES = {
    "U": "https://vendor.example.com",
    "K": "key-5ecret5ecret",
    "L": "42",
    "S": SECRET,
    "I": "0b2f2f8e-6c1d-4c64-9d5e-0f6b3c2a1d00",
}
NAMES = sorted(VENDORS)


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


def specification_check(made: Bench) -> Callable[[Any, Any], bool]:
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
