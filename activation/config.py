"""Syncs as code: config/syncs/*.yml, read into one typed value each and held to their
neighbours.
"""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from segmentry import configuration
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import Settings

OPT_IN_PURPOSES = ("marketing", "advertising")
_FORMER_GUARDRAILS = "brakes"


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


@dataclass(frozen=True)
class Sync:
    """One sync. The fields are those of config/schemas/sync.schema.json."""

    name: str
    content: Mapping[str, Any]
    path: Path

    @property
    def destination(self) -> str:
        """Name of the destination's file."""
        return str(self.content["destination"])

    @property
    def is_enabled(self) -> bool:
        """Whether the sync is run at all."""
        return bool(self.content.get("enabled", True))

    @property
    def is_scheduled(self) -> bool:
        """Whether the main job runs it, and not an operator alone."""
        return self.is_enabled and self.content.get("schedule", "each_run") == "each_run"

    @property
    def mode(self) -> str:
        """insert, update, upsert, mirror, append or delete."""
        return "append" if self.grain == "transition" else str(self.content.get("mode", "mirror"))

    @property
    def grain(self) -> str:
        """profile, membership or transition."""
        return str(self.content["audience"].get("grain", "profile"))

    @property
    def segments(self) -> list[str] | None:
        """Segments of the audience; None for all."""
        wanted = self.content["audience"]["segments"]
        return None if wanted == "all" else list(wanted)

    @property
    def purpose(self) -> str:
        """What the data is used for there."""
        return str(self.content["purpose"])

    @property
    def channel(self) -> str:
        """The channel the person is reached by."""
        return str(self.content.get("channel", "any"))

    @cached_property
    def address(self) -> str | None:
        """The profile's column that a message goes to."""
        return self.content.get("address")

    @property
    def key(self) -> str:
        """The sent column that names the person at the destination."""
        return str(self.content["key"])

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the destination."""
        return dict(self.content.get("options", {}))

    @property
    def connection(self) -> Mapping[str, str]:
        """Setting of the destination to the environment variable that holds it."""
        return dict(self.content.get("connection", {}))

    @property
    def guardrails(self) -> Mapping[str, Any]:
        """The sync's own limits, over the defaults. A file may have them under the key's former
        name.
        """
        return dict(self.content.get("guardrails") or self.content.get(_FORMER_GUARDRAILS, {}))

    @cached_property
    def columns(self) -> list[SyncColumn]:
        """The columns that are sent, in order."""
        return [_column(name, entry) for name, entry in self.content["columns"].items()]

    @cached_property
    def left_alone(self) -> frozenset[str]:
        """Columns that are not touched where their value is NULL."""
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
        parts = {k: self.content.get(k) for k in ("destination", "options", "key", "columns")}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _column(name: str, entry: Mapping[str, Any]) -> SyncColumn:
    source = next(
        k for k in ("from", "constant", "template", "member_of", "segments", "row") if k in entry
    )
    default = {"member_of": "boolean"}.get(source, "varchar")
    return SyncColumn(
        name, source, entry[source], entry.get("type", default), entry.get("when_null", "clear")
    )


def load_each(settings: Settings) -> tuple[dict[str, Sync], dict[str, ConfigError]]:
    """Every sync that fits by name, and for each file that does not, by its stem, why."""
    fitting: dict[str, Sync] = {}
    faults: dict[str, ConfigError] = {}
    for path in sorted((settings.config / "syncs").glob("*.y*ml")):
        try:
            content = configuration.load_file(path, "sync")
            if content["name"] == path.stem:
                sync = Sync(path.stem, content, path)
                _check(sync)
                fitting[path.stem] = sync
        except ConfigError as error:
            faults[path.stem] = error
    return fitting, faults


def load(settings: Settings) -> dict[str, Sync]:
    """Every sync by name, each held to the schema and to its own parts."""
    found = configuration.load_folder(settings, "sync", "syncs")
    folder = settings.config / "syncs"
    syncs = {name: Sync(name, content, _path(folder, name)) for name, content in found.items()}
    for sync in syncs.values():
        _check(sync)
    return syncs


def one(settings: Settings, name: str) -> Sync:
    """The sync of that name, or UsageError naming those there are."""
    syncs = load(settings)
    if name not in syncs:
        raise UsageError(
            f"there is no sync '{name}'",
            allowed=", ".join(syncs) or "a file in config/syncs",
            remedy="use one of these names, or add config/syncs/<name>.yml",
        )
    return syncs[name]


def _path(folder: Path, name: str) -> Path:
    return next(path for path in (folder / f"{name}.yml", folder / f"{name}.yaml") if path.exists())


def _check(sync: Sync) -> None:
    names = [column.name for column in sync.columns]
    lowered = [name.lower() for name in names]
    if sync.key not in names:
        raise ConfigError(
            f"{sync.path}: the key '{sync.key}' is not among the columns",
            allowed=", ".join(names),
            remedy="name one of the columns, or add the column",
        )
    if len(set(lowered)) != len(lowered):
        raise ConfigError(
            f"{sync.path}: two columns differ in case only",
            allowed="names that differ without regard to case",
            remedy="rename one of them",
        )
    if next(c for c in sync.columns if c.name == sync.key).source not in {"from", "template"}:
        raise ConfigError(
            f"{sync.path}: the key '{sync.key}' is the same for many people",
            allowed="a column with from or template",
            remedy="name a column that tells people apart",
        )
    _check_rows(sync)
    _check_quiet_hours(sync)


def _check_quiet_hours(sync: Sync) -> None:
    quiet = sync.content.get("quiet_hours")
    if quiet is None:
        return
    if quiet["from"] == quiet["to"]:
        raise ConfigError(
            f"{sync.path}: quiet_hours begin and end at {quiet['from']}, and nothing would ever be"
            " sent",
            allowed="two different times of day",
            remedy="change one of them, or set `enabled: false`",
        )
    try:
        ZoneInfo(quiet.get("timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"{sync.path}: quiet_hours/timezone is '{quiet['timezone']}'",
            allowed="a name of the IANA list, such as Europe/Paris",
            remedy="correct the name",
        ) from None


def _check_rows(sync: Sync) -> None:
    allowed = {
        "profile": set(),
        "membership": {"segment", "entered_at"},
        "transition": {"segment", "transition", "occurred_at"},
    }[sync.grain]
    for column in sync.columns:
        if column.source == "row" and column.value not in allowed:
            raise ConfigError(
                f"{sync.path}: columns/{column.name}: a row of the grain '{sync.grain}' has no"
                f" '{column.value}'",
                allowed=", ".join(sorted(allowed))
                or "no row column; use from, segments or member_of",
                remedy="change the column, or audience/grain",
            )


@dataclass(frozen=True)
class Basis:
    """How a purpose is based. opt_in: unknown means no. opt_in_countries: where opt_out becomes
    opt_in.
    """

    is_opt_in: bool
    opt_in_countries: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConsentPolicy:
    """The ``consent:`` key of config/policies.yml."""

    purposes: Mapping[str, Basis]
    bounces: int
    max_unmatched_share: float = 0.2
    min_unmatched: int = 50

    def basis(self, purpose: str) -> Basis:
        """The basis of a purpose; one that the policy does not name needs opt-in."""
        return self.purposes.get(purpose, Basis(is_opt_in=True))


def consent_policy(settings: Settings) -> ConsentPolicy:
    """The consent policy; marketing and advertising need opt-in whatever the file says."""
    content = configuration.policies(settings).get("consent", {})
    path = settings.config / "policies.yml"
    purposes = {}
    for purpose, entry in (content.get("purposes") or {}).items():
        if purpose in OPT_IN_PURPOSES and entry["basis"] != "opt_in":
            raise ConfigError(
                f"{path}: consent/purposes/{purpose}/basis is '{entry['basis']}'",
                allowed="opt_in for marketing and advertising",
                remedy="set it to opt_in: unknown consent is no consent there",
            )
        purposes[purpose] = Basis(
            entry["basis"] == "opt_in", tuple(entry.get("opt_in_countries", ()))
        )
    return ConsentPolicy(
        purposes,
        int(content.get("suppress_after_bounces", 3)),
        float(content.get("max_unmatched_share", ConsentPolicy.max_unmatched_share)),
        int(content.get("min_unmatched", ConsentPolicy.min_unmatched)),
    )
