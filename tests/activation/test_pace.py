"""Quiet hours, frequency caps, and the guardrails on consent coverage and drift."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activation import engine, guardrails, pace
from activation import plan as plans
from activation.ledger.database import now
from segmentry import warehouse
from segmentry.errors import GuardrailTriggered
from segmentry.sync_config import SyncConfig, parsed
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop, decision

__all__ = ["open_lake", "receiver"]

pytestmark = [pytest.mark.usefixtures("open_lake"), pytest.mark.slow]


HOOK = {
    "destination": "webhook",
    "audience": {"segments": "all"},
    "purpose": "marketing",
    "key": "email",
    "columns": {"email": {"from": "email"}},
}


def quiet(begin: str, end: str, timezone: str = "UTC") -> SyncConfig:
    hours = {"from": begin, "to": end, "timezone": timezone}
    return parsed("hook", {**HOOK, "quiet_hours": hours}, Path("hook.yml"))


@pytest.mark.parametrize(
    ("hours", "at", "is_quiet"),
    [
        (("21:00", "08:00"), "2026-06-01T22:30", True),
        (("21:00", "08:00"), "2026-06-01T07:59", True),
        (("21:00", "08:00"), "2026-06-01T08:00", False),
        (("12:00", "14:00"), "2026-06-01T13:00", True),
        (("12:00", "14:00"), "2026-06-01T14:00", False),
        (("21:00", "08:00", "America/New_York"), "2026-06-01T11:30", True),
        (("21:00", "08:00", "America/New_York"), "2026-06-01T12:30", False),
        (("21:00", "08:00", "America/New_York"), "2026-01-01T12:30", True),
    ],
)
def test_quiet_hours_pass_midnight_and_keep_to_their_place(
    hours: tuple[str, ...], at: str, is_quiet: bool
) -> None:
    assert pace.is_quiet(quiet(*hours), datetime.fromisoformat(at)) is is_quiet


def test_in_quiet_hours_only_removals_go(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = webhook(shop, quiet_hours={"from": "21:00", "to": "08:00"})
    consent(shop, "ann", "bob", "cid")
    times = [
        datetime(2026, 6, 1, 12),
        datetime(2026, 6, 1, 23),
        datetime(2026, 6, 1, 23),
        datetime(2026, 6, 2, 9),
    ]
    monkeypatch.setattr(plans, "now", lambda: times[0])
    fill(shop, name, {"ann": "Ann", "bob": "Bob"})
    assert engine.run_sync(shop.settings, name).status == "done"
    times.pop(0)
    fill(shop, name, {"ann": "Anna", "cid": "Cid"})
    engine.run_sync(shop.settings, name)
    assert {key: values["first_name"] for key, values in receiver.people.items()} == {
        "ann@example.com": "Ann"
    }
    assert engine.run_sync(shop.settings, name).status == "waiting"
    times[:] = times[-1:]
    assert engine.run_sync(shop.settings, name).status == "done"
    there = {key: values["first_name"] for key, values in receiver.people.items()}
    assert there == {"ann@example.com": "Anna", "cid@example.com": "Cid"}


def test_nobody_has_more_than_the_cap(
    shop: Shop, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = webhook(shop, frequency_cap={"most": 2, "days": 7})
    consent(shop, "ann", "bob")
    for first in ("one", "two", "three"):
        fill(shop, name, {"ann": first, "bob": "Bob"})
        report = engine.run_sync(shop.settings, name)
    assert report.status == "waiting"
    assert receiver.people["ann@example.com"]["first_name"] == "two", "the third change waits"
    shop.put("marts.consents", [decision("ann", "withdrawn", "2026-05-20")])
    engine.run_sync(shop.settings, name)
    assert set(receiver.people) == {"bob@example.com"}, "a person who refuses is removed at once"
    fill(shop, name, {"bob": "Robert"})
    later = now() + timedelta(days=8)
    monkeypatch.setattr(plans, "now", lambda: later)
    assert engine.run_sync(shop.settings, name).status == "done"
    assert receiver.people["bob@example.com"]["first_name"] == "Robert"


def test_a_fall_of_consent_coverage_stops_the_sync(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop)
    consent(shop, "ann", "bob")
    verdicts = (
        "select 'hook' as sync, 'p_' || i as profile_id, case when i < {} then 'eligible' else"
        " 'refused' end as verdict"
    )
    make = (
        f"create or replace table lake.audiences.candidates as {verdicts} from range(100) as"
        " people (i)"
    )
    shop.run(make.format(90))
    fill(shop, name, {"ann": "Ann"})
    assert engine.run_sync(shop.settings, name).status == "done"
    shop.run(make.format(60))
    fill(shop, name, {"ann": "Anna", "bob": "Bob"})
    with pytest.raises(GuardrailTriggered, match="consent fell from 90% to 60%"):
        engine.run_sync(shop.settings, name)
    assert receiver.people["ann@example.com"]["first_name"] == "Ann", "the last good state stays"
    assert engine.run_sync(shop.settings, name, release=["coverage"]).status == "done"


def test_drift_stops_a_sync_that_asks_for_it(shop: Shop) -> None:
    columns = "model varchar, as_of timestamp, feature varchar, psi double, verdict varchar"
    shop.run(f"create table lake.observability.drift ({columns})")
    rows = ", ".join(
        f"('churn', timestamp '2026-06-01', 'f{n}', 1, '{'alarm' if n < 4 else 'stable'}')"
        for n in range(10)
    )
    shop.run(f"insert into lake.observability.drift values {rows}")

    def drift(limit: Any) -> Any:
        with warehouse.connect(shop.settings, read_only=True) as lake:
            return guardrails._drift(lake, {"max_drifted_share": limit})

    assert drift(None) is None
    assert drift(0.5) is None
    assert "40% of the features of the model 'churn'" in drift(0.3).detail
