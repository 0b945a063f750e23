"""When an event happened: the server's time, or the client's corrected by how wrong its clock
was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from tests.staging_lake import GOOD, StagingLake

LAKE = StagingLake()
RECEIVED = "2026-10-05T08:00:10Z"


def judged(**times: str | None) -> dict[str, Any]:
    plain = {name: value for name, value in GOOD["events"].items() if name != "timestamp"}
    (row,) = LAKE.judged("events", [{**plain, **times}])
    return row


@pytest.mark.parametrize(
    ("times", "expected", "basis"),
    [
        # The client's clock is 3 hours ahead, 40 days ahead, 2 days behind; the event waited 10
        # seconds.
        (
            ("2026-10-05T11:00:00Z", "2026-10-05T11:00:10Z", RECEIVED),
            "2026-10-05T08:00:00",
            "corrected",
        ),
        (
            ("2026-11-14T08:00:00Z", "2026-11-14T08:00:10Z", RECEIVED),
            "2026-10-05T08:00:00",
            "corrected",
        ),
        (
            ("2026-10-03T08:00:00Z", "2026-10-03T08:00:10Z", RECEIVED),
            "2026-10-05T08:00:00",
            "corrected",
        ),
        # It waited for two weeks without a network.
        (
            ("2026-09-20T09:00:00Z", "2026-10-04T09:00:00Z", RECEIVED),
            "2026-09-21T08:00:10",
            "corrected",
        ),
        # A year ahead: more than a load allows, and still corrected.
        (
            ("2027-10-05T08:00:00Z", "2027-10-05T08:00:10Z", RECEIVED),
            "2026-10-05T08:00:00",
            "corrected",
        ),
        # Parts that are missing or absurd.
        (("2026-10-01T08:00:00Z", None, RECEIVED), "2026-10-01T08:00:00", "original"),
        (("2026-10-05T11:00:00Z", None, RECEIVED), "2026-10-05T08:00:10", "received"),
        (
            ("2026-10-01T08:00:00Z", "1970-01-01T00:00:00Z", RECEIVED),
            "2026-10-01T08:00:00",
            "original",
        ),
        (
            ("2026-10-01T08:00:00Z", "9999-12-31T00:00:00Z", RECEIVED),
            "2026-10-01T08:00:00",
            "original",
        ),
        (
            ("294246-01-01T08:00:00Z", "1970-01-01T00:00:00Z", RECEIVED),
            "2026-10-05T08:00:10",
            "received",
        ),
        (("2026-10-01T08:00:00Z", "2026-10-01T08:00:05Z", None), "2026-10-01T08:00:00", "original"),
        (
            ("2026-10-01T08:00:00Z", "2026-10-01T08:00:05Z", "0001-01-01"),
            "2026-10-01T08:00:00",
            "original",
        ),
        (("soon", "2026-10-05T08:00:00Z", RECEIVED), "2026-10-05T08:00:00", "sent"),
        ((None, None, RECEIVED), "2026-10-05T08:00:10", "received"),
    ],
)
def test_the_clients_clock_is_corrected_by_that_of_the_server(
    times: tuple[str | None, str | None, str | None], expected: str, basis: str
) -> None:
    original, sent, received = times
    row = judged(originalTimestamp=original, sentAt=sent, receivedAt=received)
    assert row["outcome"] == "accepted", (row["reason"], row["detail"])
    assert (row["event_at"], row["event_time_basis"]) == (datetime.fromisoformat(expected), basis)


@pytest.mark.parametrize(
    ("timestamp", "expected", "basis"),
    [
        ("2026-10-05T07:00:00Z", "2026-10-05T07:00:00", "stated"),
        # Later than it was received: corrected, where the parts are there.
        ("2026-11-14T08:00:00Z", "2026-10-05T08:00:00", "corrected"),
        ("0001-01-01T00:00:00Z", "2026-10-05T08:00:00", "corrected"),
    ],
)
def test_the_servers_time_counts_unless_it_is_later_than_the_receipt(
    timestamp: str, expected: str, basis: str
) -> None:
    client = {"originalTimestamp": "2026-10-05T11:00:00Z", "sentAt": "2026-10-05T11:00:10Z"}
    row = judged(timestamp=timestamp, **client, receivedAt=RECEIVED)
    assert (row["event_at"], row["event_time_basis"]) == (datetime.fromisoformat(expected), basis)
    alone = judged(timestamp="2026-11-14T08:00:00Z", receivedAt=RECEIVED)
    assert (alone["event_at"], alone["event_time_basis"]) == (
        datetime(2026, 10, 5, 8, 0, 10),
        "received",
    )


@pytest.mark.parametrize(
    ("timestamp", "reason"),
    [
        ("9999-01-01T00:00:00Z", "in_future"),
        ("0001-01-01T00:00:00Z", "out_of_range"),
        ("soon", "invalid_value"),
    ],
)
def test_a_time_that_nothing_corrects_is_quarantined(timestamp: str, reason: str) -> None:
    row = judged(timestamp=timestamp)
    assert (row["outcome"], row["reason"]) == ("quarantined", reason)
