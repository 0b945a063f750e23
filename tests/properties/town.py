"""A town of people, accounts, consent and sync files, and the steps that change it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from activation import engine, moving, retirement, stages
from activation.destination import Destination
from activation.ledger import deployed
from activation.ledger.database import Ledger
from segmentry.errors import SegmentryError
from segmentry.settings import Settings
from segmentry.stages import RunContext
from tests.properties.town_tools import (
    ACCOUNTS,
    Attributes,
    Killed,
    Lists,
    Place,
    Tools,
    ending_at,
    key_of,
    place_of,
    url_of,
)

PEOPLE = [f"n{number}" for number in range(7)]
MODES = ("mirror", "upsert", "insert", "mirror")
GUARDRAILS = {"allow_empty": True, "allow_members": True, "max_removed_share": 1.0}

# The name of a step, which thing it changes, and how; both numbers count modulo what there is.
Step = tuple[str, int, int]


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
        self._set("TOOL_URL", url_of(account))
        self._set("TOOL_KEY", key_of(account))
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
            with ending_at(self.monkeypatch, self.tools.life, kill_at):
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
                self.monkeypatch.setenv("TOOL_URL_FORMER", url_of(account))
                self.monkeypatch.setenv("TOOL_KEY_FORMER", key_of(account))
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
            found[name] = place_of(self.tools, known.place)
        ledger.close()
        return found

    def _rows(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        with sqlite3.connect(self.settings.home / "ledger.sqlite") as ledger:
            for name, identity in ledger.execute("select sync, identity from held_rows"):
                found[name].add(identity)
        return found

    def destinations(self) -> dict[str, Destination]:
        """The two tools."""
        return {"lists": Lists(self.tools), "attributes": Attributes(self.tools)}


def _mail(who: str, version: int) -> str:
    return f"{who}{'.new' * version}@example.com"
