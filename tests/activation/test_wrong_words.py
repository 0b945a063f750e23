"""What an operator may type wrong, and the message for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from activation import engine, operate
from segmentry import sync_files
from segmentry.errors import ConfigError, GuardrailTriggered, UsageError
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


def test_a_guardrail_that_is_none_and_one_of_another_sync(shop: Shop, receiver: Receiver) -> None:
    name = webhook(shop, guardrails={"max_added_rows": 0})
    consent(shop, "ann")
    fill(shop, name, {"ann": "Ann"})
    with pytest.raises(UsageError, match="there is no guardrail 'addition'") as caught:
        operate.apply(shop.settings, [], ["addition"])
    assert "additions" in str(caught.value)
    with pytest.raises(GuardrailTriggered):
        engine.run_sync(shop.settings, name, release=["other.additions"])
    assert receiver.people == {}
    assert engine.run_sync(shop.settings, name, release=["hook.additions"]).status == "done"


def test_a_plan_for_another_sync_and_a_place_that_is_not_there(
    shop: Shop, receiver: Receiver, tmp_path: Path
) -> None:
    name = webhook(shop)
    fill(shop, name, {})
    planned = operate.plan(shop.settings, [])
    with pytest.raises(UsageError, match="could not be written"):
        operate.write_plan(tmp_path / "nowhere" / "plan.json", planned)
    path = tmp_path / "plan.json"
    operate.write_plan(path, planned)
    webhook(shop, "other")
    with pytest.raises(UsageError, match="has no plan for 'other'"):
        operate.apply(shop.settings, ["other"], file=path)
    with pytest.raises(UsageError, match="there is no sync 'nobody'"):
        operate.plan(shop.settings, ["nobody"])


@pytest.mark.parametrize(
    ("hours", "part"),
    [
        ({"from": "21:00", "to": "21:00"}, "nothing would ever be sent"),
        (
            {"from": "21:00", "to": "08:00", "timezone": "Mars/Base"},
            "quiet_hours/timezone is 'Mars/Base'",
        ),
        ({"from": "21:00", "to": "25:00"}, "25:00"),
        ({"from": "21:00"}, "'to' is a required property"),
    ],
)
def test_hours_that_cannot_be(shop: Shop, hours: dict[str, Any], part: str) -> None:
    webhook(shop, quiet_hours=hours)
    with pytest.raises(ConfigError) as caught:
        sync_files.load(shop.settings)
    assert part in str(caught.value)


def test_one_destination_that_cannot_be_read_back_hides_no_other(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOD_URL", f"sqlite:///{tmp_path}/good.sqlite")
    monkeypatch.setenv("BAD_URL", f"sqlite:///{tmp_path}/nowhere/bad.sqlite")
    for name in ("bad", "good"):
        urls = {"url": f"{name.upper()}_URL"}
        shop.sync(name, destination="sql_table", connection=urls, options={"table": "people"})
    shown, failures = operate.verify(shop.settings, [])
    assert [row["sync"] for row in shown] == ["bad", "good"]
    assert shown[1]["match_rate"] == 1.0
    assert shown[0]["match_rate"] is None
    assert len(failures) == 1
    assert "sqlite" not in str(failures[0])
