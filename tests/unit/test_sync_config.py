"""A sync's file as a typed value: defaults, and the hashes that an older home has kept."""

from __future__ import annotations

import hashlib
import json
from datetime import date, time
from pathlib import Path
from typing import Any

from segmentry.sync_config import FrequencyCap, HoldOut, QuietHours, SyncConfig, SyncLimits, parsed

LEAST: dict[str, Any] = {
    "name": "vip",
    "description": "A sync that a test made.",
    "owner": "tests",
    "destination": "files",
    "audience": {"segments": "all"},
    "purpose": "analytics",
    "key": "email",
    "columns": {"email": {"from": "email"}},
}


def sync(**content: Any) -> SyncConfig:
    return parsed("vip", {**LEAST, **content}, Path("vip.yml"))


def test_what_a_file_leaves_out_has_the_default_of_the_schema() -> None:
    found = sync()
    assert found.is_enabled and found.is_scheduled
    assert (found.mode, found.grain, found.segments) == ("mirror", "profile", None)
    assert (found.channel, found.address, found.priority) == ("any", None, 100)
    assert found.limits == SyncLimits(None, 1.0, None)
    assert (found.hold_out, found.quiet_hours, found.frequency_cap) == (None, None, None)


def test_the_parts_of_a_file_are_typed() -> None:
    found = sync(
        audience={"segments": ["loyal"], "grain": "transition"},
        hold_out={"share": 0.1, "salt": "x"},
        quiet_hours={"from": "21:00", "to": "08:00"},
        frequency_cap={"most": 2, "days": 7},
        limits={"requests": 5, "batch_rows": 9},
        guardrails={"max_added_rows": 7},
    )
    assert (found.segments, found.mode) == (("loyal",), "append")
    assert found.hold_out == HoldOut(0.1, "x")
    assert found.quiet_hours == QuietHours(time(21), time(8), "UTC")
    assert found.frequency_cap == FrequencyCap(2, 7)
    assert found.limits == SyncLimits(5, 1.0, 9)
    assert found.guardrails == {"max_added_rows": 7}


def test_the_hash_is_the_one_that_older_ledgers_have() -> None:
    parts = {name: LEAST.get(name) for name in ("destination", "options", "key", "columns")}
    former = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
    assert sync().config_hash == former == "d639a106079119a146aa55618036f5eb"


def test_a_recorded_file_is_the_same_file() -> None:
    made = sync(options={"since": date(2026, 1, 1)}, limits={"requests": 5})
    recorded = parsed("vip", json.loads(made.as_json()), Path("the ledger"))
    assert made.is_same_as(recorded) and not made.differing(recorded.as_json(), LEAST)
    changed = sync(options={"since": date(2026, 1, 2)}, limits={"requests": 5})
    assert not changed.is_same_as(recorded)
    assert changed.differing(recorded.as_json(), ("options", "limits", "key")) == ["options"]
