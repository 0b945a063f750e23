"""Withdrawing a batch: what leaves raw, what stays, and what the next build does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from segmentry import warehouse
from segmentry.settings import Settings
from sources import landing, refusals, stages, staging, withdrawal
from sources.readers.records import Records

AT = "2026-05-05T00:00:00Z"
CATEGORIES = {"categoryPreferences": {"marketing": True, "advertising": False}}
RECORDS = {
    "consents": [
        '{"status": "granted"}', '{"status": "Withdrawn"}', "no json",
        '{"status": " Granted\\u200b"}',
        json.dumps({"identifier_type": "email", "identifier": "b@example.net", "occurred_at": AT,
        "status": "denied",
                    "purpose": "analytics", "channel": "email",
                    "consent_string": json.dumps(CATEGORIES)}),
    ],
    "email_events": ['{"event_type": "open"}', '{"event_type": "Unsubscribed"}'],
    "events": [
        '{"userId": "u1", "context": {"consent": {"categoryPreferences": {"analytics": true}}}}',
        "{}",
        json.dumps({"userId": 17, "timestamp": AT, "traits": {"email": "x"},
        "context": {"consent": CATEGORIES}}),
        json.dumps({"anonymousId": "a", "context": {"consent": CATEGORIES},
        "sentAt": "2026-05-01T00:00:00Z"}),
        json.dumps({"anonymousId": "a", "context": {"consent": CATEGORIES}, "sentAt": AT}),
        json.dumps({"messageId": "nobody", "context": {"consent": CATEGORIES}}),
    ],
    "orders": ['{"status": "withdrawn"}'],
}  # fmt: skip


def land(home: Settings) -> dict[str, str]:
    """The records as a batch per source."""
    stages.ensure_raw(home)
    batches = {}
    with warehouse.connect(home) as lake:
        for source, raws in RECORDS.items():
            item = landing.Input(source, f"{source}.x", source)
            landing.land(
                lake, item, [Records(list(range(len(raws))), list(raws), [None] * len(raws))]
            )
            batches[source] = item.batch_id
        staging._mark(lake, staging.make_plan(lake, home.dbt_project, list(RECORDS)))
    return batches


def left(home: Settings) -> dict[str, list[Any]]:
    """What raw has of each source."""
    with warehouse.connect(home, read_only=True) as lake:
        sql = "select _raw, _file from lake.raw.{} order by _file, _line"
        return {source: lake.execute(sql.format(source)).fetchall() for source in RECORDS}


@pytest.mark.slow
def test_a_batch_leaves_raw_but_for_its_opt_outs(home: Settings) -> None:
    batches = land(home)
    kept = {
        source: withdrawal.withdraw(home, batch, "a mistake") for source, batch in batches.items()
    }
    assert {source: (one.records, one.kept_refusals) for source, one in kept.items()} == {
        "consents": (4, 3), "email_events": (1, 1), "events": (6, 2), "orders": (1, 0),
    }  # fmt: skip
    raw = left(home)
    assert [text for text, _ in raw["email_events"]] == ['{"event_type": "Unsubscribed"}']
    assert raw["events"] == raw["orders"] == []
    assert raw["consents"][0] == ('{"status": "Withdrawn"}', "consents.x")
    stated = [json.loads(text) for text, file in raw["consents"] if file.startswith("withdrawn/")]
    names = ("identifier_type", "identifier", "purpose", "channel", "occurred_at")
    assert sorted(tuple(record[name] for name in names) for record in stated) == [
        ("cookie", "a", "advertising", "any", AT), ("email", "b@example.net", "advertising", "any",
        AT),
        ("email", "b@example.net", "analytics", "email", AT), ("user_id", "17", "advertising",
        "any", AT),
    ]  # fmt: skip
    assert {record["status"] for record in stated} == {"denied"}
    with warehouse.connect(home) as lake:
        again = staging.make_plan(lake, home.dbt_project, list(RECORDS))
        assert again.is_full_refresh and all(
            f"base_{source}+" in again.select for source in RECORDS
        )
        staging._mark(lake, again)
        assert staging.make_plan(lake, home.dbt_project, list(RECORDS)).select == ""
        trace = lake.execute(
            "select sum(records), sum(kept_refusals) from observability.withdrawn_batches"
        ).fetchone()
    assert trace == (12, 6)


def test_with_refusals_nothing_stays(home: Settings) -> None:
    for batch in land(home).values():
        withdrawal.withdraw(home, batch, "records of a test", with_refusals=True)
    assert not any(left(home).values())


def test_a_withdrawal_that_is_repeated_keeps_each_opt_out_once(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = land(home)["events"]

    def killed(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(withdrawal, "_count", killed)
        withdrawal.withdraw(home, batch, "a mistake")
    assert len(left(home)["events"]) == 6
    assert withdrawal.withdraw(home, batch, "a mistake").kept_refusals == 2
    assert len([1 for _, file in left(home)["consents"] if file.startswith("withdrawn/")]) == 2


@pytest.mark.parametrize(
    ("status", "refuses"),
    [("granted", False), (" GRANTED\ufeff", False), (None, False), ("", False), ("denied", True),
    ("Opted-Out", True),
     ("not granted", True), (0, False), ("maybe", True)],
)  # fmt: skip
def test_every_word_but_granted_is_a_refusal(status: object, refuses: bool) -> None:
    assert refusals.is_refusal(status) is refuses
