"""A town of people, accounts, consent and sync files, which explicit steps change.

The real engine, ledger, consent gate and stages, over a lake in memory. The two tools are of the
test: one has lists, whose ids belong to one account, the other has attributes. A key of another
account finds nobody there, as at real tools, and the tool answers that all was done. A run is
killed at any transaction and at any request. A step is three values, so that a sequence can be
written down, repeated and shortened.
"""

from __future__ import annotations

import contextlib
import copy
import random
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest
import yaml

from activation import engine, moving, places, published, retirement, stages
from activation import plan as plans
from activation.client import RequestRefused
from activation.destination import Destination, DestinationSession, PlaceNames
from activation.ledger import deployed
from activation.ledger.database import Ledger
from activation.model import Batch, Result, all_sent
from segmentry import configuration, snapshots, warehouse
from segmentry.errors import SegmentryError
from segmentry.settings import ROOT, Settings
from segmentry.stages import RunContext
from tests import consent_views
from tests.activation.shop import AS_OF, TABLES
from tests.unit.test_sync_config import sync as config_of

PEOPLE = [f"n{number}" for number in range(7)]
ACCOUNTS = ("red", "blue", "green")
MODES = ("mirror", "upsert", "insert", "mirror")
GUARDRAILS = {"allow_empty": True, "allow_members": True, "max_removed_share": 1.0}
KILLS = 90  # a run of some syncs has about so many transactions and requests

# The name of a step, which thing it changes, and how; both numbers count modulo what there is.
Step = tuple[str, int, int]
Place = tuple[str, str]


class Killed(BaseException):
    """The process ends."""


@dataclass
class Life:
    """When the process ends: at this event of those that it counts, or never for 0."""

    events: int = 0
    at: int = 0

    def count(self) -> None:
        """A transaction or a request begins or ends."""
        self.events += 1
        if self.at and self.events >= self.at:
            raise Killed


@dataclass
class Tools:
    """What every account has, by place."""

    there: dict[Place, set[str]] = field(default_factory=lambda: defaultdict(set))
    life: Life = field(default_factory=Life)

    def change(self, place: Place, add: set[str], remove: set[str]) -> None:
        """One request, before or after which the process may end."""
        self.life.count()
        self.there[place] |= add
        self.there[place] -= remove
        self.life.count()


class _Tool(Destination):
    purposes = ("marketing",)
    channels = ("email",)
    batch_rows = 2
    settings: ClassVar[tuple[str, ...]] = ("url", "api_key")

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

    def at(self, session: DestinationSession, batch: Batch) -> Place:
        """The place that the connection reaches."""
        raise NotImplementedError


class Lists(_Tool):
    """Lists, of which each belongs to an account."""

    settings = ("url", "api_key", "list_id")
    place = PlaceNames(("url", "list_id"), ("url", "api_key"))

    def at(self, session: DestinationSession, batch: Batch) -> Place:
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

    def at(self, session: DestinationSession, batch: Batch) -> Place:
        """The attribute."""
        account = session.connection["api_key"].partition("-")[0]
        return account, session.option("attribute", f"in_{session.sync.name}")


class Town:
    """Files, variables, people and consent."""

    def __init__(
        self, settings: Settings, lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.settings = settings
        self.tools = Tools()
        self.monkeypatch = monkeypatch
        self.lake = lake
        self.snapshot = 0
        self.now = datetime(2026, 1, 1)
        self.allowed: set[str] = set()
        self.suppressed: set[str] = set()
        self.versions = dict.fromkeys(PEOPLE, 0)
        self.names = 0
        self.files: dict[str, dict[str, Any]] = {}
        self.former: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.account(0, 0)
        for number in range(len(PEOPLE)):
            self.consent(number, 1)

    def live(self, steps: Sequence[Step]) -> None:
        """Take the steps, then let everything grow quiet."""
        for kind, which, value in steps:
            getattr(self, kind)(which, value)
        self.grow_quiet()

    # Steps: people.

    def consent(self, which: int, value: int) -> None:
        """A person decides, for every address that was ever theirs."""
        who = PEOPLE[which % len(PEOPLE)]
        (self.allowed.add if value % 2 else self.allowed.discard)(who)
        for version in range(self.versions[who] + 1):
            self._decide(who, version)

    def suppress(self, which: int, value: int) -> None:
        """A person is on the list of suppressions, or not any more."""
        who = PEOPLE[which % len(PEOPLE)]
        (self.suppressed.add if value % 2 else self.suppressed.discard)(who)
        self.lake.execute("delete from lake.activation.suppressions")
        for one in sorted(self.suppressed):
            for version in range(self.versions[one] + 1):
                self._suppress(one, version)
        self.snapshot += 1

    def address(self, which: int, value: int) -> None:
        """A person has another address, in the audiences that are built from now on."""
        who = PEOPLE[which % len(PEOPLE)]
        self.versions[who] += 1
        self._decide(who, self.versions[who])
        if who in self.suppressed:
            self._suppress(who, self.versions[who])

    def _decide(self, who: str, version: int) -> None:
        self.now += timedelta(minutes=1)
        self.lake.execute(
            "insert into lake.marts.consents (profile_id, identifier_type, identifier, purpose,"
            " channel, status, decided_at) values (?, 'email', ?, 'marketing', 'email', ?, ?)",
            [
                f"p_{who}", _mail(who, version),
                "granted" if who in self.allowed else "withdrawn", self.now,
            ],
        )  # fmt: skip
        self.snapshot += 1

    def _suppress(self, who: str, version: int) -> None:
        self.lake.execute(
            "insert into lake.activation.suppressions values ('email', ?, 'any', 'asked', null)",
            [_mail(who, version)],
        )

    @property
    def may(self) -> set[str]:
        """Addresses that may be at a place."""
        return {
            _mail(who, version)
            for who in self.allowed - self.suppressed
            for version in range(self.versions[who] + 1)
        }

    # Steps: accounts and lists.

    def account(self, which: int, value: int) -> None:
        """Both tools are used by another account; its lists have other ids."""
        account = ACCOUNTS[which % len(ACCOUNTS)]
        self._set("TOOL_URL", _url(account))
        self._set("TOOL_KEY", _key(account))
        for name in [name for name in self.variables if name.startswith("LIST_")]:
            self._set_list(name, value)

    def relist(self, which: int, value: int) -> None:
        """A sync has another list."""
        if name := self._named(which):
            self._set_list(self.files[name]["variable"], value)

    def _set(self, name: str, value: str) -> None:
        if self.variables.get(name) not in (None, value):
            self.former[f"{name}_FORMER"] = self.variables[name]
        self.variables[name] = value
        self.monkeypatch.setenv(name, value)

    def _set_list(self, variable: str, value: int) -> None:
        account = self.variables["TOOL_KEY"].partition("-")[0]
        self._set(variable, f"{account}-{variable}-{value % 2}")

    # Steps: files.

    def file(self, which: int, value: int) -> None:
        """A new file."""
        name = self._new_name()
        self._set_list(f"LIST_{name.upper()}", which)
        self.files[name] = {"mode": "mirror", "variable": f"LIST_{name.upper()}", "tool": "lists"}
        self._write(name)
        self._fill(name, value)

    def fill(self, which: int, value: int) -> None:
        """The audience of a sync is built again, by bits; without those who opted out."""
        if name := self._named(which):
            self._fill(name, value)

    def segment(self, which: int, value: int) -> None:
        """A file names another segment, and its audience is built."""
        if name := self._named(which):
            self.files[name]["segments"] = [f"segment_{value % 3}"]
            self._write(name)
            self._fill(name, value)

    def tool(self, which: int, value: int) -> None:
        """A file names the other tool."""
        self._edit(which, tool=("lists", "attributes")[value % 2])

    def attribute(self, which: int, value: int) -> None:
        """A file names an attribute."""
        if name := self._named(which):
            self._edit(which, attribute=f"{'ab'[value % 2]}_{name}")

    def share(self, which: int, value: int) -> None:
        """A file names the tool, the list and the attribute of another file."""
        name = self._named(which)
        other = self._named(value)
        if name and other and name != other:
            chosen = self.files[other]
            attribute = chosen.get("attribute", f"in_{chosen.get('renamed_from', other)}")
            shared = {"tool": chosen["tool"], "variable": chosen["variable"]}
            self._edit(which, **shared, attribute=attribute)

    def mode(self, which: int, value: int) -> None:
        """A file has another mode."""
        self._edit(which, mode=MODES[value % len(MODES)])

    def enabled(self, which: int, value: int) -> None:
        """A file is disabled or enabled."""
        self._edit(which, enabled=bool(value % 2))

    def delete(self, which: int, value: int) -> None:
        """A file is deleted."""
        if name := self._named(which):
            self._delete(name)

    def renamed(self, which: int, value: int) -> None:
        """A file has another name, and states the former one."""
        if name := self._named(which):
            file = self.files[name]
            self._delete(name)
            self._create({**file, "renamed_from": name}, value)

    def name(self, which: int, value: int) -> None:
        """A file has another name, and nothing states the former one: the list stays the same."""
        if name := self._named(which):
            file = dict(self.files[name])
            self._delete(name)
            file.pop("renamed_from", None)
            self._create(file, value)

    def _named(self, which: int) -> str:
        return sorted(self.files)[which % len(self.files)] if self.files else ""

    def _new_name(self) -> str:
        self.names += 1
        return f"s{self.names:02}"

    def _create(self, file: dict[str, Any], value: int) -> None:
        name = self._new_name()
        self.files[name] = file
        self._write(name)
        self._fill(name, value)

    def _edit(self, which: int, **content: Any) -> None:
        if name := self._named(which):
            self.files[name].update(content)
            self._write(name)

    def _delete(self, name: str) -> None:
        del self.files[name]
        self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self.settings.config / "syncs" / f"{name}.yml"

    def _write(self, name: str) -> None:
        file = self.files[name]
        connection = {"url": "TOOL_URL", "api_key": "TOOL_KEY"}
        if file["tool"] == "lists":
            connection["list_id"] = file["variable"]
        content = {
            "name": name, "description": "A sync of a test.", "owner": "tests",
            "destination": file["tool"], "connection": connection,
            "audience": {"segments": file.get("segments", "all")}, "purpose": "marketing",
            "channel": "email", "address": "email", "key": "email",
            "columns": {"email": {"from": "email"}}, "mode": file["mode"],
            "enabled": file.get("enabled", True), "guardrails": GUARDRAILS,
        }  # fmt: skip
        if "attribute" in file and file["tool"] == "attributes":
            content["options"] = {"attribute": file["attribute"]}
        if "renamed_from" in file:
            content["renamed_from"] = file["renamed_from"]
        self._path(name).write_text(yaml.safe_dump(content), encoding="utf-8")

    def _fill(self, name: str, value: int) -> None:
        table = f"lake.audiences.aud_{name}"
        self.lake.execute(f"create or replace table {table} (row_key varchar, email varchar)")
        for place, who in enumerate(PEOPLE):
            if who in self.allowed - self.suppressed and value >> place & 1:
                address = _mail(who, self.versions[who])
                self.lake.execute(f"insert into {table} values (?, ?)", [f"p_{who}", address])
        self.snapshot += 1

    # Steps: runs and operators.

    def run(self, which: int, value: int) -> None:
        """The stage of syncs, killed at its event of that number, or not at all for 0."""
        self._run(kill_at=value)

    def release(self, which: int, value: int) -> None:
        """An operator leaves rows at former places."""
        self._run(release=moving.LEAVE)

    def recall(self, which: int, value: int) -> None:
        """An operator sets the former values of the variables."""
        for name, known in self.former.items():
            self.monkeypatch.setenv(name, known)

    def retire(self, which: int, value: int) -> None:
        """An operator retires an orphaned sync."""
        if orphans := retirement.orphans(self.settings):
            with contextlib.suppress(SegmentryError):
                retirement.retire(self.settings, orphans[which % len(orphans)].name)

    def _run(self, *, kill_at: int = 0, release: str = "") -> list[SegmentryError]:
        context = RunContext(self.settings)
        failed = []
        try:
            with _living(self.monkeypatch, self.tools.life, kill_at):
                for item in stages.sync_items(context):
                    try:
                        if release and item in self.files:
                            engine.run_sync(self.settings, item, release=[release])
                        else:
                            stages.sync(context, item)
                    except SegmentryError as error:
                        failed.append(error)
        except Killed:
            with sqlite3.connect(self.settings.home / "ledger.sqlite") as ledger:
                ledger.execute("update sync_states set lease_holder = null")
        return failed

    def grow_quiet(self) -> None:
        """No change any more; the operator sets whatever former values a sync asks for."""
        before: Any = None
        for _ in range(8):
            for account in ACCOUNTS:
                self.monkeypatch.setenv("TOOL_URL_FORMER", _url(account))
                self.monkeypatch.setenv("TOOL_KEY_FORMER", _key(account))
                self._run()
            now = self._rows(), {place: set(people) for place, people in self.tools.there.items()}
            if now == before:
                break
            before = now
        for name in ("TOOL_URL_FORMER", "TOOL_KEY_FORMER"):
            self.monkeypatch.delenv(name)

    # What is to be true at the end.

    def wrong(self) -> dict[str, set[str]]:
        """People who are at a place and may not be there, and people missing, by place or sync; and
        syncs that fail.
        """
        there = {place: set(people) for place, people in self.tools.there.items() if people}
        rows = self._rows()
        known: dict[Place, set[str]] = defaultdict(set)
        for name, place in self._recorded_places().items():
            known[place] |= rows[name]
        found = {}
        for place, people in there.items():
            found[f"{place}: must leave"] = people - self.may
            found[f"{place}: nobody knows of"] = people - known[place]
        for name, file in self.files.items():
            if not file.get("enabled", True):
                continue
            wanted = self._audience(name) & self.may
            found[f"{name}: missing"] = wanted - there.get(self._place_now(name), set())
            if file["mode"] == "mirror":
                found[f"{name}: too many"] = rows[name] - wanted
        found["fails"] = {error.received for error in self._run()}
        return {what: people for what, people in found.items() if people}

    def _audience(self, name: str) -> set[str]:
        rows = self.lake.execute(f"select email from lake.audiences.aud_{name}").fetchall()
        return {address for (address,) in rows}

    def _place_now(self, name: str) -> Place:
        file = self.files[name]
        account = self.variables["TOOL_KEY"].partition("-")[0]
        if file["tool"] == "lists":
            return account, self.variables[file["variable"]]
        default = f"in_{file.get('renamed_from', name)}"
        return account, file.get("attribute", default)

    def _recorded_places(self) -> dict[str, Place]:
        ledger = Ledger(self.settings)
        found = {}
        for name in deployed.with_rows(ledger):
            known = deployed.of(ledger, name)
            assert known is not None
            assert known.place is not None
            found[name] = self._place_of(known.place)
        ledger.close()
        return found

    def _place_of(self, place: places.WrittenPlace) -> Place:
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

    def _rows(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        with sqlite3.connect(self.settings.home / "ledger.sqlite") as ledger:
            for name, identity in ledger.execute("select sync, identity from held_rows"):
                found[name].add(identity)
        return found

    def destinations(self) -> dict[str, Destination]:
        """The two tools."""
        return {"lists": Lists(self.tools), "attributes": Attributes(self.tools)}


_ANY = config_of(destination="attributes")


def _mail(who: str, version: int) -> str:
    return f"{who}{'.new' * version}@example.com"


def _url(account: str) -> str:
    """Two accounts have one address, as at most tools."""
    return f"https://{'us' if account == 'green' else 'eu'}.example.com"


def _key(account: str) -> str:
    return f"{account}-k3y"


def open_lake() -> duckdb.DuckDBPyConnection:
    """A lake in memory with what activation reads."""
    lake = duckdb.connect(":memory:")
    lake.execute("set TimeZone='UTC'")
    lake.execute("set threads = 1")  # few rows: more threads only wait for each other
    lake.execute("attach ':memory:' as lake")
    schemas = {name.partition(".")[0] for name in TABLES} | {"audiences", "activation"}
    for schema in sorted(schemas):
        lake.execute(f"create schema lake.{schema}")
    for name, columns in TABLES.items():
        lake.execute(f"create table lake.{name} ({columns})")
    lake.execute("insert into lake.observability.clock values (?, true)", [AS_OF])
    consent_views.create(lake)
    published.ensure(lake)
    lake.execute("use lake")
    return lake


def _cleared(lake: duckdb.DuckDBPyConnection) -> None:
    for relation in ("marts.consents", "activation.suppressions"):
        lake.execute(f"delete from lake.{relation}")
    built = "select table_name from duckdb_tables() where table_name like 'aud\\_%' escape '\\'"
    for (name,) in lake.execute(built).fetchall():
        lake.execute(f"drop table lake.audiences.{name}")


@contextmanager
def _living(monkeypatch: pytest.MonkeyPatch, life: Life, kill_at: int) -> Iterator[None]:
    """Count transactions and requests; end the process at one, after which none follows."""
    begin = Ledger.begin
    life.events = 0
    life.at = kill_at

    @contextmanager
    def counted(self: Ledger) -> Iterator[Any]:
        life.count()
        with begin(self) as connection:
            yield connection

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "begin", counted)
        try:
            yield
        finally:
            life.at = 0


def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each content of a file be parsed and checked once: most runs read what others read."""
    load_file = configuration.load_file
    read: dict[tuple[str, str, bytes], Any] = {}

    def load(path: Path, kind: str) -> Any:
        known = (path.name, kind, path.read_bytes())
        if known not in read:
            read[known] = load_file(path, kind)
        return copy.deepcopy(read[known])

    monkeypatch.setattr(configuration, "load_file", load)


def work_over(
    lake: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, snapshot: Callable[[], int]
) -> None:
    """Have activation read this lake, which has no snapshots but these numbers."""

    @contextmanager
    def connect(*_: Any, **__: Any) -> Iterator[Any]:
        cursor = lake.cursor()
        cursor.execute("use lake")
        yield cursor

    monkeypatch.setattr(warehouse, "connect", connect)
    monkeypatch.setattr(snapshots, "watch", lambda *_: snapshot)
    monkeypatch.setattr(warehouse, "current_snapshot", lambda *_: snapshot())
    monkeypatch.setattr(
        plans, "audience", lambda sync, _: f"(select * from lake.audiences.aud_{sync.name})"
    )


def founder(tmp_path: Path, home: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Town]:
    """Makes towns, one after the other, over one lake."""
    lake = open_lake()
    read_once(monkeypatch)
    made = 0

    def make() -> Town:
        nonlocal made
        made += 1
        config = tmp_path / f"config{made}"
        (config / "syncs").mkdir(parents=True)
        (config / "policies.yml").write_bytes((ROOT / "config" / "policies.yml").read_bytes())
        for ledger in home.home.glob("ledger*"):
            ledger.unlink()
        for variable in ("TOOL_URL_FORMER", "TOOL_KEY_FORMER"):
            monkeypatch.delenv(variable, raising=False)
        _cleared(lake)
        town = Town(replace(home, config=config), lake, monkeypatch)

        work_over(lake, monkeypatch, lambda: town.snapshot)
        monkeypatch.setattr("activation.destination.all_destinations", town.destinations)
        return town

    return make


CHANGES = (
    "consent", "consent", "suppress", "address", "account", "file", "fill", "fill", "segment",
    "relist", "tool", "attribute", "share", "mode", "enabled", "delete", "renamed", "name",
)  # fmt: skip


def drawn(seed: int, changes: int = 18) -> list[Step]:
    """A sequence of so many changes, with runs and what an operator does between them."""
    dice = random.Random(seed)
    steps: list[Step] = [("file", 0, 127), ("file", 1, dice.randrange(128))]
    for _ in range(changes):
        steps.append((dice.choice(CHANGES), dice.randrange(60), dice.randrange(128)))
        if dice.random() < 0.6:
            kill_at = dice.randrange(1, KILLS) if dice.random() < 0.5 else 0
            steps.append(("run", 0, kill_at))
        chance = dice.random()
        if chance < 0.2:
            steps.append(("recall", 0, 0))
        elif chance < 0.3:
            steps.append(("release", 0, 0))
        elif chance < 0.4:
            steps.append(("retire", dice.randrange(60), 0))
    return steps


def shortest(steps: list[Step], is_wrong: Callable[[list[Step]], bool]) -> list[Step]:
    """A shorter sequence that is wrong as well, of which no step can be left out."""
    size = len(steps) // 2
    while size:
        start = 0
        while start < len(steps):
            fewer = steps[:start] + steps[start + size :]
            if is_wrong(fewer):
                steps = fewer
            else:
                start += size
        size //= 2
    return steps
