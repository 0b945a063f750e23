"""Meta Custom Audiences: hashed identifiers, Graph API.

Columns are named by Meta's keys in lower case (``email``, ``phone``, ``fn``, ``ln``, ``fi``,
``ct``, ``st``, ``zip``, ``country`` of two letters, ``gen``, ``doby``, ``dobm``, ``dobd``,
``madid``, ``extern_id``); each is normalized and hashed here, ``extern_id`` and ``madid`` are not
hashed. A date of birth may be mapped to each of its parts. A value without such a form is left
empty. A removal repeats every identifier that was sent, and a changed one is removed before the new
one is added; an ``extern_id`` that is an address is repeated if it is the key alone. The answer
counts refused rows and does not name them: a batch with some is halved until each is alone.
Limited data use is stated for all (option ``limited_data_use: true``), or by a column of that name:
a person has it unless the value is false. Meta then finds out where the law asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from activation.addresses import as_identifiers, is_address, sent_identifiers
from activation.client import Client, Rate, RequestRefused, decoded
from activation.destination import (
    Destination,
    DestinationSession,
    PlaceNames,
)
from activation.meta_keys import (
    LIMITED,
    NAMING,
    NORMALIZED,
    PLAIN,
    cell,
    check_limited_use,
    marks_of_limited_use,
)
from activation.model import Batch, Result, Row, RowOutcome, Status, all_sent
from segmentry.errors import ConfigError, DestinationError
from segmentry.sync_config import SyncConfig

THROTTLES = {4, 17, 613, 80003, 80004, 1, 2}
BLOCKED = 1713230
# Tokens, permissions, objects that are not there, terms that were not accepted; 200 to 299 are
# permissions too.
REQUEST_ERRORS = frozenset(
    ["3", "10", "102", "104", "190", "294", "368", "803", "2500", "1870034", "1870088"]
    + [str(code) for code in range(200, 300)]
)


class Meta(Destination):
    """One Custom Audience."""

    settings = ("url", "token", "audience_id")
    place = PlaceNames(("url", "audience_id"), ("url", "token"))
    request_errors = REQUEST_ERRORS
    forms = "normalized and hashed"
    purposes = ("advertising",)
    channels = ("ads",)
    batch_rows = 5_000  # of 10,000
    rate = Rate(5, 1.0)
    cost_unit = "matched people"
    identifying = NAMING
    options = (LIMITED,)

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Add people by their hashes."""
        schema = [column.name for column in session.sync.columns if column.name != LIMITED]
        data: list[list[Any]] = [
            [cell(name, row.values.get(name)) for name in schema] for row in batch.rows
        ]
        if (marks := marks_of_limited_use(session, batch.rows)) is not None:
            schema = [*schema, "data_processing_options"]
            data = [[*cells, mark] for cells, mark in zip(data, marks, strict=True)]
        return _change(session, batch, "POST", schema, data)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Take people out by every identifier they were added with."""
        people = [_sent(session.sync.key, row) for row in batch.rows]
        schema = sorted({name for person in people for name in person})
        data: list[list[Any]] = [[person.get(name, "") for name in schema] for person in people]
        return _change(session, batch, "DELETE", schema, data)

    def identifiers(self, sync: SyncConfig, values: Mapping[str, Any]) -> str | None:
        """Every cell that is not empty."""
        cells = {name: cell(name, value) for name, value in values.items() if name != LIMITED}
        return as_identifiers({n: c for n, c in cells.items() if c and not is_address(c)})

    def invalid(self, row: Row) -> str:
        """A hash of nothing must never be sent. A value without a form costs its cell alone."""
        usable = any(cell(name, value) for name, value in row.values.items() if name in NAMING)
        return "" if usable and row.identity else "no identifier can be made of the row"

    def check(self, sync: SyncConfig) -> None:
        """Check that the columns are keys of Meta, and that limited data use is stated once."""
        super().check(sync)
        known = {*NORMALIZED, *PLAIN, LIMITED}
        unknown = [column.name for column in sync.columns if column.name not in known]
        if unknown or sync.key not in NAMING:
            raise ConfigError(
                f"{sync.path}: columns are {', '.join(column.name for column in sync.columns)}, the"
                f" key is {sync.key}",
                allowed=f"columns of {', '.join(sorted(known))}; as key {' or '.join(NAMING)}",
                remedy="rename the columns",
            )
        check_limited_use(sync)


def _sent(key: str, row: Row) -> dict[str, str]:
    identifiers = sent_identifiers(row)
    found = identifiers if isinstance(identifiers, dict) else {}
    return {key: cell(key, row.identity), **found}


def _change(
    session: DestinationSession, batch: Batch, method: str, schema: list[str], data: list[list[Any]]
) -> Result:
    body = {"payload": {"schema": [name.upper() for name in schema], "data": data}}
    try:
        answer = http(session).json(
            method, f"/{session.connection['audience_id']}/users", json=body
        )
    except RequestRefused as refusal:
        error = refusal.body.get("error", {}) if isinstance(refusal.body, dict) else {}
        if error.get("error_subcode") == BLOCKED:
            raise DestinationError(
                "Meta blocks uploads to this audience",
                allowed="an audience that Meta has not flagged",
                remedy="look at the audience in Meta's Ads Manager",
            ) from None
        raise
    received = answer.get("num_received", len(batch.rows))
    if not answer.get("num_invalid_entries") and received >= len(batch.rows):
        return all_sent(batch.rows)
    if len(batch.rows) > 1:
        raise RequestRefused(400, counts_rows=True)
    if not received:
        return [RowOutcome(batch.rows[0], Status.retry, "not counted as received")]
    return [RowOutcome(batch.rows[0], Status.rejected, "counted as invalid")]


def throttled(response: httpx.Response) -> float | None:
    """Meta hides throttles in answers of status 400."""
    content = decoded(response) if response.status_code == 400 else {}
    error = content.get("error", {}) if isinstance(content, dict) else {}
    return 5.0 if error.get("code") in THROTTLES or error.get("is_transient") else None


def http(session: DestinationSession) -> Client:
    """The session's client."""
    headers = {"authorization": f"Bearer {session.connection['token']}"}
    return session.http(headers, DESTINATION.rate, throttled=throttled)


DESTINATION = Meta()
