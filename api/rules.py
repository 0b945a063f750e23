"""config/api.yml: the callers of the profile API, and the limits of requests."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import yaml

from segmentry import configuration
from segmentry.errors import ConfigError
from segmentry.settings import Settings

FILE = "api.yml"
PREFIX = "sgm_"


@dataclass(frozen=True)
class Caller:
    """Who asks, by their token. traits: patterns of traits and scores. uses: (purpose, channel).
    types: identifiers that the caller may ask by; none for all. origins: pages that may use the
    token. per_second: requests, on average. role: of the policies; values that it may not read are
    masked.
    """

    name: str
    traits: tuple[str, ...]
    uses: tuple[tuple[str, str], ...]
    types: frozenset[str]
    origins: frozenset[str]
    may_follow: bool
    per_second: float
    role: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether every visitor can read the token, because a page contains it."""
        return bool(self.origins)

    @cached_property
    def _seen(self) -> dict[str, bool]:
        return {}

    def gets(self, name: str) -> bool:
        """Whether the caller gets a trait or score."""
        found = self._seen.get(name)
        if found is None:
            found = any(fnmatchcase(name, pattern) for pattern in self.traits)
            self._seen[name] = found
        return found


@dataclass(frozen=True)
class ApiRules:
    """callers: hash of a token to its caller. time_limit: seconds for an answer."""

    callers: Mapping[str, Caller]
    time_limit: float
    refused_per_minute: float

    def caller(self, token: str) -> Caller | None:
        """Whose token it is. It has 256 bits of chance, so its plain hash cannot be reversed, and
        a look-up by the hash states nothing by its time.
        """
        return self.callers.get(hashed(token))

    def is_known_origin(self, origin: str) -> bool:
        """Whether any token permits the origin: a preflight request has no token."""
        return any(origin in caller.origins for caller in self.callers.values())


def hashed(token: str) -> str:
    """The hash of a token, as config/api.yml has it: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def new_token() -> str:
    """A new token of 256 bits."""
    return PREFIX + secrets.token_urlsafe(32)


def line(entry: Mapping[str, Any]) -> str:
    """An entry as one line of YAML."""
    return yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=100_000).strip()


def check(settings: Settings, entry: Mapping[str, Any]) -> None:
    """UsageError where config/api.yml could not take the entry."""
    content: dict[str, Any] = configuration.load_file(settings.config / FILE, "api")
    changed = {**content, "tokens": [*content["tokens"], dict(entry)]}
    configuration.check(changed, settings.config / FILE, "api")
    _read(changed)


def load(settings: Settings) -> ApiRules:
    """The rules, or ConfigError that names what is wrong."""
    return _read(configuration.load_file(settings.config / FILE, "api"))


def _read(content: Mapping[str, Any]) -> ApiRules:
    callers: dict[str, Caller] = {}
    names: set[str] = set()
    for entry in content["tokens"]:
        caller = _caller(entry)
        if entry["hash"] in callers or caller.name in names:
            raise ConfigError(
                f"config/{FILE} has a token twice, the second time at '{caller.name}'",
                allowed="one entry for each token, each with its own name",
                remedy="remove one, or make another token with `segmentry api token new`",
            )
        callers[entry["hash"]] = caller
        names.add(caller.name)
    return ApiRules(callers, float(content["time_limit"]), float(content["refused_per_minute"]))


def _caller(entry: Mapping[str, Any]) -> Caller:
    origins = frozenset(entry.get("origins", ()))
    types = frozenset(entry.get("types", ()))
    if origins and (not types or entry.get("changes")):
        raise ConfigError(
            f"config/{FILE}: the token '{entry['name']}' has origins, so every visitor can read it",
            allowed="types that nobody can guess, such as [cookie], and changes: false",
            remedy="add types; give a server that needs more a token without origins",
        )
    return Caller(
        entry["name"],
        tuple(entry["traits"]),
        _uses(entry["purposes"]),
        types,
        origins,
        bool(entry.get("changes", False)),
        float(entry["per_second"]),
        entry.get("role"),
    )


def _uses(purposes: Sequence[str]) -> tuple[tuple[str, str], ...]:
    parts = (text.partition("/") for text in purposes)
    return tuple((purpose, channel or "any") for purpose, _, channel in parts)
