"""A plan states the requests that its run makes: every destination, every size around a batch, by
the whole engine.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from activation import destination as destinations
from activation import engine, operate
from activation.client import Client
from segmentry.settings import ROOT, Settings
from tests.contracts.bench import VALUES
from tests.contracts.vendor_answers import Answer
from tests.contracts.vendors import VENDORS, Journal, Vendor
from tests.properties.memory_lake import open_lake, read_once, work_over

OWN = 3  # rows of a batch, so that the sizes around it are small
FREELY = {"allow_empty": True, "max_removed_share": 1.0, "max_changed_share": 1.0}
ADDRESSES = {"email", "external_id"}
MEMBERS = {"members", "memberships", "profiles"}
EMPTY: dict[str, list[Any]] = {"members": [], "results": [], "data": []}


def without_members(vendor: Vendor) -> Vendor:
    """A vendor whose audience is empty when it is read."""

    def answer(method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        status, content = vendor.answer(method, path, query, body)
        is_members = method == "GET" and path.rpartition("/")[2] in MEMBERS
        if is_members and isinstance(content, dict) and "filter" not in query:
            content = {name: EMPTY.get(name, value) for name, value in content.items()}
        return status, content

    return replace(vendor, answer=answer)


@dataclass
class Company:
    """One sync ``vip`` and its audience, over a lake in memory; all people have consented."""

    settings: Settings
    lake: duckdb.DuckDBPyConnection
    monkeypatch: pytest.MonkeyPatch
    snapshot: int = 0
    columns: Sequence[str] = ()

    def sync(self, name: str, people: int = 20, **content: Any) -> None:
        """Write the file; an HTTP destination has its vendor behind it. people: who consent."""
        sync: dict[str, Any] = {
            "name": "vip", "description": "A sync of a test.", "owner": "tests",
            "destination": name, "audience": {"segments": "all"}, "purpose": "marketing",
            "channel": "email", "address": "email", "key": "email", "guardrails": FREELY,
            "columns": {"email": {"from": "email"}, "first_name": {"from": "first_name"}},
        }  # fmt: skip
        if name in VENDORS:
            sync |= self._connected(without_members(VENDORS[name]))
        sync |= content
        self.columns = list(sync["columns"])
        path = self.settings.config / "syncs" / "vip.yml"
        path.write_text(yaml.safe_dump(sync), encoding="utf-8")
        self._consent(sync["purpose"], sync["channel"], people)

    def _connected(self, vendor: Vendor) -> dict[str, Any]:
        transport = Journal(vendor).transport()
        client = partial(Client, transport=transport, sleep=lambda seconds: None)
        self.monkeypatch.setattr(destinations, "Client", client)
        for setting, letter in vendor.connection.items():
            self.monkeypatch.setenv(setting.upper(), VALUES[letter])
        connection = {setting: setting.upper() for setting in vendor.connection}
        columns = {"columns": vendor.columns} if vendor.columns else {}
        use = {"purpose": vendor.purpose, "channel": vendor.channel, "options": vendor.options}
        return {"connection": connection, "key": vendor.key, **columns, **use}

    def _consent(self, purpose: str, channel: str, people: int) -> None:
        self.lake.execute("delete from lake.marts.consents")
        self.lake.execute(
            "insert into lake.marts.consents (profile_id, identifier_type, identifier, purpose,"
            " channel, status, decided_at) select 'p_n' || i, 'email', 'n' || i || '@example.com',"
            " ?, ?, 'granted', timestamp '2026-01-01' from range(?) as r(i)",
            [purpose, channel, people],
        )

    def fill(self, rows: int) -> None:
        """An audience of n0 to n<rows - 1>."""
        values = [
            f"'n' || i || '@example.com' as {name}" if name in ADDRESSES else f"'Ann' as {name}"
            for name in self.columns
        ]
        self.lake.execute(
            "create or replace table lake.audiences.aud_vip as"
            f" select 'p_n' || i as row_key, {', '.join(values)} from range(?) as r(i)",
            [rows],
        )
        self.snapshot += 1

    def agree(self) -> int:
        """The requests that were planned and made: both are the same."""
        planned = operate.plan(self.settings, ["vip"])[0]
        assert not planned["guardrails"], planned
        engine.run_sync(self.settings, "vip")
        with sqlite3.connect(self.settings.home / "ledger.sqlite") as ledger:
            newest = "select requests from sync_runs order by started_at desc limit 1"
            made = ledger.execute(newest).fetchone()[0]
        assert planned["requests"] == made, planned
        return int(made)


@pytest.fixture(scope="module")
def lake() -> duckdb.DuckDBPyConnection:
    return open_lake()


@pytest.fixture
def company(
    tmp_path: Path,
    home: Settings,
    lake: duckdb.DuckDBPyConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> Company:
    config = tmp_path / "config"
    (config / "syncs").mkdir(parents=True)
    (config / "policies.yml").write_bytes((ROOT / "config" / "policies.yml").read_bytes())
    made = Company(replace(home, config=config), lake, monkeypatch)
    work_over(lake, monkeypatch, lambda: made.snapshot)
    monkeypatch.setattr(Client, "_wait_for_slot", lambda *_: None)
    read_once(monkeypatch)
    return made


# Kinds in the fast suite: one call, two calls, jobs.
KINDS = {"webhook", "klaviyo", "mailchimp"}
ALL = [
    name if name in KINDS else pytest.param(name, marks=pytest.mark.slow)
    for name in sorted(destinations.all_destinations())
    if name in VENDORS
]


@pytest.mark.parametrize("name", ALL)
def test_a_plan_states_the_requests_of_its_run(name: str, company: Company) -> None:
    """Nobody; one is added, a batch, and one more than a batch; then one more than a batch leaves,
    and one fewer.
    """
    company.sync(name, limits={"batch_rows": OWN})
    company.fill(0)
    assert company.agree() == 0
    for rows in (1, 1 + OWN, 2 + 2 * OWN, 1 + OWN, 2):
        company.fill(rows)
        assert company.agree() > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(VENDORS))
def test_ten_thousand_rows_take_the_requests_of_their_plan(name: str, company: Company) -> None:
    company.sync(name, people=10_000)
    company.fill(10_000)
    assert company.agree() >= 10_000 / destinations.all_destinations()[name].batch_rows
