"""A ledger, a lake and a sync's file with the former name of guardrails go on working."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from activation import engine, operate
from activation.ledger.database import Ledger
from segmentry import sync_files
from segmentry.errors import ConfigError, GuardrailTriggered
from tests.activation.engine_shop import Receiver, consent, fill, open_lake, receiver, webhook
from tests.activation.shop import Shop

__all__ = ["open_lake", "receiver"]

pytestmark = pytest.mark.usefixtures("open_lake")


def test_an_old_ledger_and_an_old_lake_have_the_column_renamed(
    shop: Shop, receiver: Receiver
) -> None:
    name = webhook(shop, guardrails={"max_added_rows": 0})
    consent(shop, "ann")
    fill(shop, name, {"ann": "Ann"})
    with pytest.raises(GuardrailTriggered):
        engine.run_sync(shop.settings, name)
    operate.publish(shop.settings)
    shop.run("alter table lake.activation.reviews rename column guardrail to brake")
    ledger = Ledger(shop.settings)
    with ledger.begin() as c:
        c.exec_driver_sql("alter table reviews rename column guardrail to brake")
    ledger.close()

    assert operate.status(shop.settings, [name])[0]["waiting"].startswith("additions: ")
    operate.publish(shop.settings)
    assert shop.rows("select guardrail, state from activation.reviews") == [("additions", "open")]
    ledger = Ledger(shop.settings)
    keys = sa.inspect(ledger.engine).get_pk_constraint("reviews")["constrained_columns"]
    ledger.close()
    assert keys == ["sync", "run_id", "guardrail"]


def test_a_file_with_the_former_key_has_its_limits(shop: Shop) -> None:
    former: dict[str, Any] = {"brakes": {"max_added_rows": 7}}
    name = webhook(shop, **former)
    assert sync_files.one(shop.settings, name).guardrails == {"max_added_rows": 7}
    webhook(shop, name, **former, guardrails={"max_added_rows": 8})
    with pytest.raises(ConfigError, match="hook"):
        sync_files.load(shop.settings)
