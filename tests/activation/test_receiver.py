"""The simulated tools: what the default syncs meet in the demonstration run."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import httpx
import pytest

from activation import engine, operate
from simulator import receiver
from tests.activation.engine_shop import consent, fill, webhook
from tests.activation.shop import Shop, decision


def _klaviyo(shop: Shop) -> None:
    names = {
        "url": "SEGMENTRY_KLAVIYO_URL",
        "api_key": "KLAVIYO_API_KEY",
        "list_id": "KLAVIYO_LIST_ID",
    }
    shop.sync("list", destination="klaviyo", connection=names, limits={"requests": 1000})
    shop.run(
        "create table lake.audiences.aud_list (row_key varchar, email varchar, first_name varchar)"
    )


def _listed(shop: Shop) -> set[str]:
    with sqlite3.connect(shop.settings.home / "receiver.sqlite") as state:
        return {row[0] for row in state.execute("select email from profiles where is_listed = 1")}


def test_the_default_kinds_of_sync_reach_the_tools(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook(shop)
    _klaviyo(shop)
    consent(shop, "ann", "bob", "cid")
    for name in ("hook", "list"):
        fill(shop, name, {"ann": "Ann", "bob": None, "cid": "Cid"})
    with receiver.running(shop.settings) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert engine.run_sync(shop.settings, "hook").status == "done"
        assert engine.run_sync(shop.settings, "list").status == "done"
        assert _listed(shop) == {"ann@example.com", "bob@example.com", "cid@example.com"}
        shop.put("marts.consents", [decision("bob", "withdrawn", "2026-05-01")])
        fill(shop, "list", {"ann": None, "cid": "Cid"})
        report = engine.run_sync(shop.settings, "list")
        print(report.notes)
        assert _listed(shop) == {"ann@example.com", "cid@example.com"}
        verified = operate.verify(shop.settings, ["list"])[0][0]
        assert (verified["matched"], verified["missing"], verified["surplus"]) == (2, 0, 0)
        url = environment["SEGMENTRY_WEBHOOK_URL"]
        assert httpx.post(url, json={"data": {"rows": []}}).status_code == 401, (
            "an unsigned message is refused"
        )
    with receiver.running(shop.settings) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        report = engine.run_sync(shop.settings, "list")
        assert (report.status, sum(report.rows.values())) == (
            "unchanged",
            0,
        ), "another port is the same account"
    _assert_stopped(environment["SEGMENTRY_WEBHOOK_URL"])


def test_the_state_of_the_tools_is_for_its_owner_alone(shop: Shop) -> None:
    with receiver.running(shop.settings) as environment:
        assert set(environment) >= {
            "SEGMENTRY_WEBHOOK_URL",
            "SEGMENTRY_WEBHOOK_SECRET",
            "KLAVIYO_API_KEY",
        }
    assert Path(shop.settings.home / "receiver.sqlite").stat().st_mode & 0o077 == 0
    assert not set(environment) & set(os.environ), "the caller's environment is left alone"


def _assert_stopped(url: str) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.post(url, timeout=2)
