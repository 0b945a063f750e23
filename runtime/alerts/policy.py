"""What an operator decides about alerts: config/alerts.yml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from segmentry import configuration
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import Settings

FILE = "alerts.yml"


@dataclass(frozen=True)
class Limits:
    """From where on something is an incident.

    freshness: source to hours that its newest record may be behind the run's clock. landed_hours:
    hours by the wall clock in which some source must have landed a record; None for any.
    rejected_share of the rows that a sync sent, from rejected_rows on. dead_letters: rows of a
    sync that wait there. size_change: share by which a segment of at least size_people may change
    from one as_of to the next. slow_factor: times the median of the last runs of a stage, of at
    least slow_runs, and at least slow_seconds longer.
    """

    freshness: Mapping[str, float] = field(default_factory=dict)
    landed_hours: float | None = 48
    rejected_share: float = 0.05
    rejected_rows: int = 20
    dead_letters: int = 100
    size_change: float = 0.5
    size_people: int = 50
    slow_factor: float = 3.0
    slow_runs: int = 5
    slow_seconds: float = 60.0


@dataclass(frozen=True)
class ChannelConfig:
    """One place that messages are sent to. connection: setting to where its value comes from.
    least: severity from which on an incident is sent there. kinds: those that are, all if empty.
    """

    name: str
    kind: str
    connection: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    least: str = "warning"
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True)
class AlertPolicy:
    """The file. ignored: kinds that are not looked for. pages: name of a page to its address."""

    channels: tuple[ChannelConfig, ...] = ()
    limits: Limits = Limits()
    ignored: frozenset[str] = frozenset()
    pages: Mapping[str, str] = field(default_factory=dict)


def load(settings: Settings) -> AlertPolicy:
    """The policy; a configuration without the file has no channels and the usual limits.

    ConfigError for a file that does not fit, and for two channels of one name.
    """
    path = settings.config / FILE
    if not path.exists():
        return AlertPolicy()
    content = configuration.load_file(path, "alerts")
    channels = tuple(
        ChannelConfig(
            entry["name"],
            entry["kind"],
            entry.get("connection", {}),
            entry.get("options", {}),
            entry.get("from", "warning"),
            tuple(entry.get("kinds", ())),
        )
        for entry in content["channels"]
    )
    names = [channel.name for channel in channels]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(
            f"{path}: two channels are called '{twice[0]}'",
            allowed="one channel of each name",
            remedy="rename one of them",
        )
    return AlertPolicy(
        channels,
        Limits(**content.get("limits", {})),
        frozenset(content.get("ignored", ())),
        content.get("pages", {}),
    )


def check_names(settings: Settings, policy: AlertPolicy, kinds: Mapping[str, object]) -> None:
    """ConfigError for a kind that does not exist, or a limit of a source that does not exist: the
    alert would never come.
    """
    path = settings.config / FILE
    named = {*policy.ignored, *(kind for channel in policy.channels for kind in channel.kinds)}
    sources = {file.stem for file in (settings.config / "sources").glob("*.y*ml")}
    for found, known, what in (
        (named, set(kinds), "kind of incident"),
        (set(policy.limits.freshness), sources, "source"),
    ):
        if unknown := sorted(found - known):
            raise ConfigError(
                f"{path}: there is no {what} '{unknown[0]}'",
                allowed=", ".join(sorted(known)),
                remedy="correct the name, or remove it",
            )


def no_channel(settings: Settings, policy: AlertPolicy, name: str | None) -> UsageError:
    """The error for a channel that the policy does not have, or for a policy without any."""
    path = settings.config / FILE
    received = f"there is no channel '{name}'" if name else f"{path} has no channel"
    return UsageError(
        received,
        allowed=", ".join(channel.name for channel in policy.channels) or "a file with `channels`",
        remedy="use one of these names, or add an entry to `channels` in config/alerts.yml",
    )
