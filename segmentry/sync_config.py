"""SyncConfig: what one file of config/syncs states, as one typed value.
``segmentry.sync_files`` reads it; activation, the gates, ml and the doctor use it.
"""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from functools import cached_property
from pathlib import Path
from typing import Any

_SOURCES = ("from", "constant", "template", "member_of", "segments", "row")
_FORMER_GUARDRAILS = "brakes"
_RENAMED_FROM = "renamed_from"
# A change of these makes a full resync due.
_SENT_WITH = ("destination", "options", "key", "columns")


@dataclass(frozen=True)
class SyncColumn:
    """One column that is sent. source: from, constant, template, member_of, segments or row; value:
    its argument.
    """

    name: str
    source: str
    value: Any
    type: str
    when_null: str

    @property
    def needs(self) -> list[str]:
        """Columns of profiles.profiles that the value is made of."""
        if self.source == "from":
            return [str(self.value)]
        if self.source == "template":
            return [name for _, name, _, _ in string.Formatter().parse(str(self.value)) if name]
        return []


CHANNELS = ("email", "sms", "push", "ads", "any")


@dataclass(frozen=True)
class HoldOut:
    """The share of the audience that is not sent; syncs of one salt hold out the same people."""

    share: float
    salt: str


@dataclass(frozen=True)
class QuietHours:
    """Times of day between which nothing is added or changed; they may pass midnight."""

    begin: time
    end: time
    timezone: str


@dataclass(frozen=True)
class FrequencyCap:
    """At most so many rows of one person in so many days."""

    most: int
    days: float


@dataclass(frozen=True)
class SyncLimits:
    """The sync's own limits of speed and size; None where the destination's count."""

    requests: int | None = None
    seconds: float = 1.0
    batch_rows: int | None = None


@dataclass(frozen=True)
class SyncConfig:
    """One sync. The fields are those of config/schemas/sync.schema.json, defaults filled in.

    segments: None for all. address: the profile's column that a message goes to. key: the sent
    column that names the person at the destination. connection: setting of the destination to the
    environment variable that has it. guardrails: the sync's own limits, over the defaults.
    """

    name: str
    path: Path
    description: str
    owner: str
    is_enabled: bool
    schedule: str
    destination: str
    connection: Mapping[str, str]
    options: Mapping[str, Any]
    segments: tuple[str, ...] | None
    grain: str
    mode: str
    purpose: str
    channel: str
    address: str | None
    key: str
    columns: tuple[SyncColumn, ...]
    hold_out: HoldOut | None
    exclusive_group: str
    priority: int
    guardrails: Mapping[str, Any]
    quiet_hours: QuietHours | None
    frequency_cap: FrequencyCap | None
    limits: SyncLimits
    _written: Mapping[str, Any] = field(repr=False)

    @property
    def renamed_from(self) -> str | None:
        """The name that the sync had before, and that its destination still knows it by."""
        former = self._written.get(_RENAMED_FROM)
        return None if former is None else str(former)

    @property
    def known_as(self) -> str:
        """The name that the destination knows the sync by: folders, attributes and messages have
        it.
        """
        return self.renamed_from or self.name

    def recorded_under(self, name: str) -> str:
        """The file as ``as_json`` has it, for another name under which the destination goes on
        knowing it as before.
        """
        return _json({**self._written, "name": name, _RENAMED_FROM: self.known_as})

    @property
    def is_scheduled(self) -> bool:
        """Whether the main job runs it, and not an operator alone."""
        return self.is_enabled and self.schedule in ("each_run", "each_refresh")

    @property
    def is_refreshed(self) -> bool:
        """Whether a refresh between two main jobs runs it too."""
        return self.is_enabled and self.schedule == "each_refresh"

    @property
    def is_live(self) -> bool:
        """Whether the live engine sends it, an entry or an exit at a time, and no job does."""
        return self.is_enabled and self.schedule == "live"

    @cached_property
    def suppressing_channels(self) -> tuple[str, ...]:
        """Channels of which a suppression keeps a person out.

        A sync of no certain channel may lead to a message by each of them, unless its purpose is to
        count people.
        """
        if self.channel == "any" and self.purpose != "analytics":
            return CHANNELS
        return tuple(dict.fromkeys((self.channel, "any")))

    @cached_property
    def left_alone(self) -> frozenset[str]:
        """Columns that are not written if their value is NULL."""
        return frozenset(column.name for column in self.columns if column.when_null == "leave")

    @cached_property
    def address_column(self) -> str | None:
        """The sent column that carries the address as it is, where there is one."""
        carried = [c.name for c in self.columns if c.source == "from" and c.value == self.address]
        return carried[0] if carried else None

    @cached_property
    def is_keyed_by_email(self) -> bool:
        """Whether the key is the profile's e-mail address, of which case and outer spaces do not
        count.
        """
        return any(
            c.name == self.key and c.source == "from" and c.value == "email" for c in self.columns
        )

    @property
    def config_hash(self) -> str:
        """Changes when a change of the file makes a full resync due: mapping, key, destination or
        its options.
        """
        return self.hash_of(_SENT_WITH)[:32]

    def hash_of(self, parts: Iterable[str]) -> str:
        """A number that changes whenever one of these keys of the file does."""
        chosen = {part: self._written.get(part) for part in parts}
        return hashlib.sha256(_json(chosen).encode()).hexdigest()

    def as_json(self) -> str:
        """The file as one line, for the records of what was built and sent with it."""
        return _json(self._written)

    def differing(self, recorded: str, parts: Iterable[str]) -> list[str]:
        """Those of the keys whose value differs from that of a recorded file."""
        before = json.loads(recorded)
        now = json.loads(self.as_json())
        return [part for part in parts if before.get(part) != now.get(part)]

    def is_same_as(self, other: SyncConfig) -> bool:
        """Whether both files have the same value for every key."""
        return bool(json.loads(self.as_json()) == json.loads(other.as_json()))


def parsed(name: str, content: Mapping[str, Any], path: Path) -> SyncConfig:
    """The typed value of a file's content, which the schema has been through.

    A file that an older version recorded is read too: it may lack whatever has a default.
    """
    audience = content["audience"]
    segments = audience["segments"]
    grain = str(audience.get("grain", "profile"))
    return SyncConfig(
        name=name,
        path=path,
        description=str(content.get("description", "")),
        owner=str(content.get("owner", "")),
        is_enabled=bool(content.get("enabled", True)),
        schedule=str(content.get("schedule", "each_run")),
        destination=str(content["destination"]),
        connection=dict(content.get("connection", {})),
        options=dict(content.get("options", {})),
        segments=None if segments == "all" else tuple(segments),
        grain=grain,
        mode="append" if grain == "transition" else str(content.get("mode", "mirror")),
        purpose=str(content["purpose"]),
        channel=str(content.get("channel", "any")),
        address=content.get("address"),
        key=str(content["key"]),
        columns=tuple(_column(column, entry) for column, entry in content["columns"].items()),
        hold_out=_hold_out(content),
        exclusive_group=str(content.get("exclusive_group", "")),
        priority=int(content.get("priority", 100)),
        # A file may have them under the key's former name.
        guardrails=dict(content.get("guardrails") or content.get(_FORMER_GUARDRAILS, {})),
        quiet_hours=_quiet_hours(content),
        frequency_cap=_frequency_cap(content),
        limits=_limits(content),
        _written=content,
    )


def _column(name: str, entry: Mapping[str, Any]) -> SyncColumn:
    source = next(kind for kind in _SOURCES if kind in entry)
    default = {"member_of": "boolean"}.get(source, "varchar")
    return SyncColumn(
        name, source, entry[source], entry.get("type", default), entry.get("when_null", "clear")
    )


def _hold_out(content: Mapping[str, Any]) -> HoldOut | None:
    hold_out = content.get("hold_out")
    return None if hold_out is None else HoldOut(hold_out["share"], hold_out["salt"])


def _quiet_hours(content: Mapping[str, Any]) -> QuietHours | None:
    hours = content.get("quiet_hours")
    if hours is None:
        return None
    begin, end = (time.fromisoformat(hours[part]) for part in ("from", "to"))
    return QuietHours(begin, end, hours.get("timezone", "UTC"))


def _frequency_cap(content: Mapping[str, Any]) -> FrequencyCap | None:
    cap = content.get("frequency_cap")
    return None if cap is None else FrequencyCap(int(cap["most"]), cap["days"])


def _limits(content: Mapping[str, Any]) -> SyncLimits:
    limits = content.get("limits", {})
    return SyncLimits(limits.get("requests"), limits.get("seconds", 1.0), limits.get("batch_rows"))


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
