"""The place that rows are written to: the tool, the account, the list there, and the options that
change where or as which attribute a row is written.

The ledger keeps the place of each sync's rows. Names of lists are kept as they are; what names an
account, which may be a secret, is kept as a hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from activation.destination import CREDENTIALS, Destination
from segmentry.sync_config import SyncConfig

# The address of the simulated tools, which have another port each time they are started.
SIMULATED_TOOLS = "SEGMENTRY_SIMULATED_TOOLS"
SIMULATED = "simulated"
# A setting that names the account, where the connection has it: credentials then do not.
_ACCOUNT = "account"
_NO_SETTINGS = ("destination", "key", "mode", "named")
_OPTION = "options/"
# Parts that state how people are named there, and not where they are.
NAMING_PEOPLE = frozenset({"key", "options/id_property", "options/id_type", "options/identifier"})


@dataclass(frozen=True)
class WrittenPlace:
    """Where rows are. parts: what names the place. account: hashes of what names the account by
    which it is reached.
    """

    parts: Mapping[str, str]
    account: Mapping[str, str]

    @property
    def is_simulated(self) -> bool:
        """Whether the rows went to the simulated tools of a demo."""
        return any(value.startswith(SIMULATED) for value in self.account.values())

    def differing(self, other: WrittenPlace) -> list[str]:
        """Names of what differs; none where both are one place."""
        names = dict.fromkeys([*self.parts, *other.parts])
        return [name for name in names if self.parts.get(name) != other.parts.get(name)]

    def as_json(self) -> str:
        """The place as one line for the ledger."""
        return json.dumps({"parts": self.parts, "account": self.account}, sort_keys=True)


def from_json(text: str) -> WrittenPlace:
    """A place that the ledger has recorded."""
    content = json.loads(text)
    return WrittenPlace(content["parts"], content["account"])


def of(sync: SyncConfig, destination: Destination, values: Mapping[str, str]) -> WrittenPlace:
    """The place that a configuration names with these values of its connection."""
    named = destination.place_names
    by_account = _account_settings(named.account, values)
    parts = {
        "destination": sync.destination,
        "key": f"{sync.key}={_source_of_key(sync)}",
        "mode": "delete" if sync.mode == "delete" else "add",
    }
    if named.is_by_sync:
        parts["named"] = sync.known_as
    for setting in _account_settings(named.settings, values):
        value = values.get(setting, "")
        parts[setting] = _hashed(setting, value) if setting in by_account else value
    for option, default in named.options.items():
        parts[f"{_OPTION}{option}"] = str(
            sync.options.get(option, default.format(sync=sync.known_as))
        )
    account = {setting: _hashed(setting, values.get(setting, "")) for setting in by_account}
    return WrittenPlace(parts, account)


def kept_values(place: WrittenPlace) -> dict[str, str]:
    """Values of settings that are recorded as they are: names of lists, folders and the like."""
    others = {*_NO_SETTINGS, *place.account}
    return {
        name: value
        for name, value in place.parts.items()
        if name not in others and not name.startswith(_OPTION)
    }


def _account_settings(names: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
    if not values.get(_ACCOUNT):
        return list(names)
    return [*(name for name in names if name not in CREDENTIALS), _ACCOUNT]


def _source_of_key(sync: SyncConfig) -> str:
    column = next(column for column in sync.columns if column.name == sync.key)
    return f"{column.source}:{column.value}"


def _hashed(setting: str, value: str) -> str:
    """A hash that states whether two values are the same, and not what they are."""
    simulated = os.environ.get(SIMULATED_TOOLS)
    if simulated and value.startswith(simulated):
        return SIMULATED + value.removeprefix(simulated)
    return hashlib.sha256(f"{setting}\n{_without_credentials(value)}".encode()).hexdigest()[:32]


def _without_credentials(value: str) -> str:
    """An address without user and password, which change while the place stays; else the value."""
    if "://" not in value:
        return value
    try:
        parts = urlsplit(value)
    except ValueError:
        return value
    host = parts.netloc.rpartition("@")[2].lower()
    return urlunsplit((parts.scheme.lower(), host, parts.path.rstrip("/"), parts.query, ""))
