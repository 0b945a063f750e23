"""For any sequence of changes to the files of syncs, accounts, people and consent, when everything
is quiet, nobody who may not be there is at any place that was ever written to.

The real engine, ledger, consent gate and stages, over a lake in memory. The two tools are of the
test: one has lists, whose ids belong to one account, the other has attributes. A key of another
account finds nobody there, as at real tools, and the tool answers that all was done. Runs are
killed at any transaction and at any request.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from activation import engine, moving, places, retirement, stages
from activation import plan as plans
from activation.client import RequestRefused
from activation.destination import Destination, DestinationSession, PlaceNames
from activation.ledger import deployed
from activation.ledger.database import Ledger
from activation.model import Batch, Result, all_sent
from segmentry import snapshots, warehouse
from segmentry.errors import SegmentryError
from segmentry.settings import ROOT, Settings
from segmentry.stages import RunContext
from tests import consent_views
from tests.activation.shop import AS_OF, TABLES
from tests.unit.test_sync_config import sync as config_of

PEOPLE = [f"n{number}" for number in range(7)]
ACCOUNTS = ("red", "blue", "green")
STEPS = 30
GUARDRAILS = {"allow_empty": True, "allow_members": True, "max_removed_share": 1.0}


class Killed(BaseException):
    """The process ends."""


@dataclass
class Tools:
    """What every account has, by place, and when the process ends in a request."""

    there: dict[tuple[str, ...], set[str]] = field(default_factory=lambda: defaultdict(set))
    dice: random.Random = field(default_factory=random.Random)
    share_killed: float = 0.0

    def change(self, place: tuple[str, ...], add: set[str], remove: set[str]) -> None:
        """One request, before or after which the process may end."""
        if self.dice.random() < self.share_killed:
            raise Killed
        self.there[place] |= add
        self.there[place] -= remove
        if self.dice.random() < self.share_killed:
            raise Killed


class _Tool(Destination):
    purposes = ("marketing",)
    channels = ("email",)
    batch_rows = 2
    settings: tuple[str, ...] = ("url", "api_key")

    def __init__(self, tools: Tools) -> None:
        self.tools = tools

    def upsert(self, session: DestinationSession, batch: Batch) -> Result:
        """Add the rows."""
        self.tools.change(self.at(session, batch), {row.identity for row in batch.rows}, set())
        return all_sent(batch.rows)

    def remove(self, session: DestinationSession, batch: Batch) -> Result:
        """Remove the rows."""
        self.tools.change(self.at(session, batch), set(), {row.identity for row in batch.rows})
        return all_sent(batch.rows)

    def at(self, session: DestinationSession, batch: Batch) -> tuple[str, ...]:
        """The place that the connection reaches."""
        raise NotImplementedError


class Lists(_Tool):
    """Lists, of which each belongs to an account."""

    settings = ("url", "api_key", "list_id")
    place = PlaceNames(("url", "list_id"), ("url", "api_key"))

    def at(self, session: DestinationSession, batch: Batch) -> tuple[str, ...]:
        """The list."""
        account = session.connection["api_key"].partition("-")[0]
        wanted = session.connection["list_id"]
        if not wanted.startswith(account) and not batch.is_removal:
            raise RequestRefused(404)
        return account, wanted


class Attributes(_Tool):
    """Attributes of people."""

    options = ("attribute",)
    place = PlaceNames(("url", "api_key"), ("url", "api_key"), {"attribute": "in_{sync}"})

    def at(self, session: DestinationSession, batch: Batch) -> tuple[str, ...]:
        """The attribute."""
        account = session.connection["api_key"].partition("-")[0]
        return account, session.option("attribute", f"in_{session.sync.name}")


class Town:
    """Files, variables, people and consent, changed at random."""

    def __init__(self, settings: Settings, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = settings
        self.dice = random.Random(seed)
        self.tools = Tools(dice=self.dice)
        self.monkeypatch = monkeypatch
        self.lake = _lake()
        self.snapshot = 0
        self.now = datetime(2026, 1, 1)
        self.allowed: set[str] = set()
        self.names = 0
        self.files: dict[str, dict[str, Any]] = {}
        self.former: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.set_account(self.dice.choice(ACCOUNTS))
        for who in PEOPLE:
            self.decide(who, is_granted=True)
        for _ in range(2):
            self.add_file()

    def set_variable(self, name: str, value: str) -> None:
        if self.variables.get(name) not in (None, value):
            self.former[f"{name}_FORMER"] = self.variables[name]
        self.variables[name] = value
        self.monkeypatch.setenv(name, value)

    def set_account(self, account: str) -> None:
        """Both tools are used by another account; its lists have other ids."""
        self.set_variable("TOOL_URL", _url(account))
        self.set_variable("TOOL_KEY", _key(account))
        for name in [name for name in self.variables if name.startswith("LIST_")]:
            self.set_list(name)

    def set_list(self, variable: str) -> None:
        account = self.variables["TOOL_KEY"].partition("-")[0]
        self.set_variable(variable, f"{account}-{variable}-{self.dice.randrange(2)}")

    def decide(self, who: str, *, is_granted: bool) -> None:
        self.now += timedelta(minutes=1)
        (self.allowed.add if is_granted else self.allowed.discard)(who)
        self.lake.execute(
            "insert into lake.marts.consents (profile_id, identifier_type, identifier, purpose,"
            " channel, status, decided_at) values (?, 'email', ?, 'marketing', 'email', ?, ?)",
            [f"p_{who}", f"{who}@example.com", "granted" if is_granted else "withdrawn", self.now],
        )
        self.snapshot += 1

    def add_file(self) -> None:
        self.names += 1
        name = f"s{self.names}"
        self.set_list(f"LIST_{name.upper()}")
        self.files[name] = {"mode": "mirror", "variable": f"LIST_{name.upper()}", "tool": "lists"}
        self.write(name)
        self.fill(name)

    def write(self, name: str) -> None:
        file = self.files[name]
        connection = {"url": "TOOL_URL", "api_key": "TOOL_KEY"}
        if file["tool"] == "lists":
            connection["list_id"] = file["variable"]
        content = {
            "name": name, "description": "A sync of a test.", "owner": "tests",
            "destination": file["tool"], "connection": connection,
            "audience": {"segments": "all"}, "purpose": "marketing", "channel": "email",
            "address": "email", "key": "email", "columns": {"email": {"from": "email"}},
            "mode": file["mode"], "enabled": file.get("enabled", True), "guardrails": GUARDRAILS,
        }  # fmt: skip
        if "attribute" in file and file["tool"] == "attributes":
            content["options"] = {"attribute": file["attribute"]}
        if "renamed_from" in file:
            content["renamed_from"] = file["renamed_from"]
        self.path(name).write_text(yaml.safe_dump(content), encoding="utf-8")

    def path(self, name: str) -> Path:
        return self.settings.config / "syncs" / f"{name}.yml"

    def fill(self, name: str) -> None:
        """Give the audience some people, as it was built: without those who opted out then."""
        people = sorted(who for who in self.allowed if self.dice.random() < 0.7)
        table = f"lake.audiences.aud_{name}"
        self.lake.execute(f"create or replace table {table} (row_key varchar, email varchar)")
        for who in people:
            self.lake.execute(
                f"insert into {table} values (?, ?)", [f"p_{who}", f"{who}@example.com"]
            )
        self.snapshot += 1

    def change(self) -> str:
        """One change; returns its name."""
        kinds: list[Callable[[], None]] = [
            lambda: self.decide(self.dice.choice(PEOPLE), is_granted=self.dice.random() < 0.4),
            lambda: self.set_account(self.dice.choice(ACCOUNTS)),
            self.add_file,
        ]
        names = ["consent", "account", "file"]
        if self.files:
            name = self.dice.choice(sorted(self.files))
            kinds += [
                lambda: self.fill(name),
                lambda: self.set_list(self.files[name]["variable"]),
                lambda: self.edit(name, tool=self.dice.choice(["lists", "attributes"])),
                lambda: self.edit(name, attribute=self.dice.choice(["a", "b"]) + f"_{name}"),
                lambda: self.edit(name, mode=self.dice.choice(["mirror", "upsert", "insert"])),
                lambda: self.edit(name, enabled=not self.files[name].get("enabled", True)),
                lambda: self.delete(name),
                lambda: self.rename(name, is_stated=True),
                lambda: self.rename(name, is_stated=False),
            ]
            names += ["fill", "list", "tool", "attribute", "mode", "enabled", "delete", "renamed",
                      "name"]  # fmt: skip
        chosen = self.dice.randrange(len(kinds))
        kinds[chosen]()
        return names[chosen]

    def edit(self, name: str, **content: Any) -> None:
        self.files[name].update(content)
        self.write(name)

    def delete(self, name: str) -> None:
        del self.files[name]
        self.path(name).unlink()

    def rename(self, name: str, *, is_stated: bool) -> None:
        file = self.files[name]
        self.delete(name)
        self.names += 1
        new = f"s{self.names}"
        self.files[new] = {**file, "renamed_from": name} if is_stated else dict(file)
        if not is_stated:  # a list of its own, or two syncs would write to one
            self.files[new].pop("renamed_from", None)
            self.files[new]["variable"] = f"LIST_{new.upper()}"
            self.files[new].pop("attribute", None)
            self.set_list(f"LIST_{new.upper()}")
        self.write(new)
        self.fill(new)

    def run(self, *, share_killed: float = 0.0, release: str = "") -> list[SegmentryError]:
        """The stage of syncs; returns what failed."""
        context = RunContext(self.settings)
        self.tools.share_killed = share_killed
        failed = []
        try:
            for item in stages.sync_items(context):
                if share_killed and self.dice.random() < 0.5:
                    _die_at(self.monkeypatch, self.dice.randrange(1, 40))
                try:
                    if release and item in self.files:
                        engine.run_sync(self.settings, item, release=[release])
                    else:
                        stages.sync(context, item)
                except SegmentryError as error:
                    failed.append(error)
                finally:
                    _live(self.monkeypatch)
        except Killed:
            with sqlite3.connect(self.settings.home / "ledger.sqlite") as ledger:
                ledger.execute("update sync_states set lease_holder = null")
        self.tools.share_killed = 0.0
        return failed

    def grow_quiet(self) -> None:
        """No change any more; the operator sets whatever former values a sync asks for."""
        for turn in range(4 * len(ACCOUNTS)):
            account = ACCOUNTS[turn % len(ACCOUNTS)]
            self.monkeypatch.setenv("TOOL_URL_FORMER", _url(account))
            self.monkeypatch.setenv("TOOL_KEY_FORMER", _key(account))
            self.run()
        for name in ("TOOL_URL_FORMER", "TOOL_KEY_FORMER"):
            self.monkeypatch.delenv(name)

    def operate(self) -> None:
        """What an operator does now and then."""
        chance = self.dice.random()
        if chance < 0.2:
            for name, value in self.former.items():
                self.monkeypatch.setenv(name, value)
        elif chance < 0.3:
            self.run(release=moving.LEAVE)
        elif chance < 0.4 and (orphans := retirement.orphans(self.settings)):
            with contextlib.suppress(SegmentryError):
                retirement.retire(self.settings, self.dice.choice(orphans).name)

    def live(self) -> list[str]:
        """Changes and runs; returns the names of the changes."""
        changes = []
        for _ in range(STEPS):
            changes.append(self.change())
            if self.dice.random() < 0.6:
                self.run(share_killed=0.06 if self.dice.random() < 0.5 else 0.0)
            self.operate()
        self.grow_quiet()
        return changes

    def wrong(self) -> dict[tuple[str, ...], set[str]]:
        """People who are at a place and may not be there, and people missing, by place."""
        expected: dict[tuple[str, ...], set[str]] = defaultdict(set)
        ledger = Ledger(self.settings)
        for name in deployed.with_rows(ledger):
            known = deployed.of(ledger, name)
            assert known is not None
            assert known.place is not None
            expected[self._place_of(known.place)] |= self._rows_of(name)
        ledger.close()
        there = {place: set(people) for place, people in self.tools.there.items() if people}
        may = {f"{who}@example.com" for who in self.allowed}
        found = {place: people - may for place, people in there.items() if people - may}
        for place in there:
            if not there.get(place, set()) <= expected.get(place, set()):
                found[place] = there[place] - expected.get(place, set())
        for name, file in self.files.items():
            if file.get("enabled", True) and file["mode"] == "mirror":
                wanted = {row[0] for row in self._audience(name)} & may
                if lost := there.get(self._place_now(name), set()) ^ wanted:
                    found[(name,)] = lost
        return found

    def _audience(self, name: str) -> list[tuple[Any, ...]]:
        return self.lake.execute(f"select email from lake.audiences.aud_{name}").fetchall()

    def _place_now(self, name: str) -> tuple[str, ...]:
        file = self.files[name]
        account = self.variables["TOOL_KEY"].partition("-")[0]
        if file["tool"] == "lists":
            return account, self.variables[file["variable"]]
        default = f"in_{file.get('renamed_from', name)}"
        return account, file.get("attribute", default)

    def _place_of(self, place: places.WrittenPlace) -> tuple[str, ...]:
        if "list_id" in place.parts:
            return place.parts["list_id"].partition("-")[0], place.parts["list_id"]
        tool = Attributes(self.tools)
        account = next(
            account
            for account in ACCOUNTS
            if place.parts["api_key"]
            == places.of(_ANY, tool, {"api_key": _key(account)}).parts["api_key"]
        )
        return account, place.parts["options/attribute"]

    def _rows_of(self, name: str) -> set[str]:
        with sqlite3.connect(self.settings.home / "ledger.sqlite") as ledger:
            return {
                row[0]
                for row in ledger.execute("select identity from held_rows where sync = ?", [name])
            }

    def destinations(self) -> dict[str, Destination]:
        return {"lists": Lists(self.tools), "attributes": Attributes(self.tools)}


_ANY = config_of(destination="attributes")


def _url(account: str) -> str:
    """Two accounts have one address, as at most tools."""
    return f"https://{'us' if account == 'green' else 'eu'}.example.com"


def _key(account: str) -> str:
    return f"{account}-k3y"


def _lake() -> duckdb.DuckDBPyConnection:
    lake = duckdb.connect(":memory:")
    lake.execute("set TimeZone='UTC'")
    lake.execute("attach ':memory:' as lake")
    schemas = {name.partition(".")[0] for name in TABLES} | {"audiences", "activation"}
    for schema in sorted(schemas):
        lake.execute(f"create schema lake.{schema}")
    for name, columns in TABLES.items():
        lake.execute(f"create table lake.{name} ({columns})")
    lake.execute("insert into lake.observability.clock values (?, true)", [AS_OF])
    consent_views.create(lake)
    lake.execute("use lake")
    return lake


_BEGIN = Ledger.begin


def _die_at(monkeypatch: pytest.MonkeyPatch, transaction: int) -> None:
    """End the process at this transaction of the ledger, or right after it; none follows it."""
    seen = 0

    @contextmanager
    def counted(self: Ledger) -> Iterator[Any]:
        nonlocal seen
        seen += 1
        if seen >= transaction:
            raise Killed
        with _BEGIN(self) as connection:
            yield connection

    monkeypatch.setattr(Ledger, "begin", counted)


def _live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "begin", _BEGIN)


Founding = Callable[[int], Town]


@pytest.fixture
def found(tmp_path: Path, home: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Founding]:
    """Makes towns, one after the other."""

    def make(seed: int) -> Town:
        config = tmp_path / f"config{seed}"
        (config / "syncs").mkdir(parents=True)
        (config / "policies.yml").write_bytes((ROOT / "config" / "policies.yml").read_bytes())
        for ledger in home.home.glob("ledger*"):
            ledger.unlink()
        for variable in ("TOOL_URL_FORMER", "TOOL_KEY_FORMER"):
            monkeypatch.delenv(variable, raising=False)
        town = Town(replace(home, config=config), seed, monkeypatch)

        @contextmanager
        def connect(*_: Any, **__: Any) -> Iterator[Any]:
            cursor = town.lake.cursor()
            cursor.execute("use lake")
            yield cursor

        monkeypatch.setattr(warehouse, "connect", connect)
        monkeypatch.setattr(snapshots, "watch", lambda *_: lambda: town.snapshot)
        monkeypatch.setattr(warehouse, "current_snapshot", lambda *_: town.snapshot)
        monkeypatch.setattr(
            plans, "audience", lambda sync, _: f"(select * from lake.audiences.aud_{sync.name})"
        )
        monkeypatch.setattr("activation.destination.all_destinations", town.destinations)
        return town

    yield make


def counterexample(town: Town) -> str:
    """What is wrong when all is quiet; '' for nothing."""
    changes = town.live()
    return f"{town.wrong()} after {' '.join(changes)}" if town.wrong() else ""


def test_nobody_is_at_a_place_who_may_not_be_there(found: Founding) -> None:
    """One sequence of changes."""
    assert counterexample(found(0)) == ""


@pytest.mark.slow
def test_more_sequences(found: Founding) -> None:
    assert [what for seed in range(1, 4) if (what := counterexample(found(seed)))] == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_sequences(found: Founding, seed: int) -> None:
    """Four hundred sequences in all."""
    numbers = range(seed * 20, seed * 20 + 20)
    assert [what for number in numbers if (what := counterexample(found(number)))] == []
