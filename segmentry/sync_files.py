"""Reads config/syncs/*.yml into SyncConfigs, each checked against the schema and its own parts.
Every room that needs a sync reads it here: activation, the gates, ml and the doctor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from segmentry import configuration
from segmentry.errors import ConfigError
from segmentry.settings import Settings
from segmentry.sync_config import SyncConfig, parsed


def load_each(settings: Settings) -> tuple[dict[str, SyncConfig], dict[str, ConfigError]]:
    """Every sync that fits by name, and for each file that does not, by its stem, why."""
    fitting: dict[str, SyncConfig] = {}
    faults: dict[str, ConfigError] = {}
    for path in sorted((settings.config / "syncs").glob("*.y*ml")):
        try:
            content = configuration.load_file(path, "sync")
            if content["name"] == path.stem:
                sync = parsed(path.stem, content, path)
                _check(sync)
                fitting[path.stem] = sync
        except ConfigError as error:
            faults[path.stem] = error
    faulty = _faulty_renames(fitting, faults)
    faults |= faulty
    fitting = {name: sync for name, sync in fitting.items() if name not in faulty}
    return fitting, faults


def load(settings: Settings) -> dict[str, SyncConfig]:
    """Every sync by name, each checked against the schema and its own parts."""
    found = configuration.load_folder(settings, "sync", "syncs")
    folder = settings.config / "syncs"
    syncs = {name: parsed(name, content, _path(folder, name)) for name, content in found.items()}
    for sync in syncs.values():
        _check(sync)
    if faulty := _faulty_renames(syncs, ()):
        raise next(iter(faulty.values()))
    return syncs


def one(settings: Settings, name: str) -> SyncConfig:
    """The sync of that name, or UsageError naming those there are."""
    return configuration.named(load(settings), name, "sync", "syncs")


def _faulty_renames(
    syncs: Mapping[str, SyncConfig], others: Collection[str]
) -> dict[str, ConfigError]:
    """The syncs whose ``renamed_from`` cannot be true, with why. others: names of invalid files."""
    claims = Counter(sync.renamed_from for sync in syncs.values())
    faults = {}
    for name, sync in syncs.items():
        former = sync.renamed_from
        if former is None:
            continue
        if former in syncs or former in others:
            why = f"the sync '{former}', whose file exists"
        elif claims[former] > 1:
            why = f"'{former}', as another file does"
        else:
            continue
        faults[name] = ConfigError(
            f"{sync.path}: renamed_from names {why}",
            allowed="the former name of one sync, whose file is deleted",
            remedy=f"delete the file of '{former}', or remove renamed_from here: one file has the"
            " rows of a sync",
        )
    return faults


def _path(folder: Path, name: str) -> Path:
    return next(path for path in (folder / f"{name}.yml", folder / f"{name}.yaml") if path.exists())


def _check(sync: SyncConfig) -> None:
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
            remedy="name a column with another value for each person",
        )
    _check_live(sync)
    _check_rows(sync)
    _check_quiet_hours(sync)


def _check_quiet_hours(sync: SyncConfig) -> None:
    quiet = sync.quiet_hours
    if quiet is None:
        return
    if quiet.begin == quiet.end:
        raise ConfigError(
            f"{sync.path}: quiet_hours begin and end at {quiet.begin:%H:%M}, and nothing would ever"
            " be sent",
            allowed="two different times of day",
            remedy="change one of them, or set `enabled: false`",
        )
    try:
        ZoneInfo(quiet.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(
            f"{sync.path}: quiet_hours/timezone is '{quiet.timezone}'",
            allowed="a name of the IANA list, such as Europe/Paris",
            remedy="correct the name",
        ) from None


def _check_live(sync: SyncConfig) -> None:
    """What the live engine cannot send: it knows entries and exits, and the profile as the newest
    batch has it.
    """
    if sync.schedule != "live":
        return
    if sync.grain != "transition":
        raise ConfigError(
            f"{sync.path}: schedule 'live' with audience/grain '{sync.grain}'",
            allowed="audience/grain: transition, because what happens live is an entry or an exit",
            remedy="set `grain: transition` under audience, or another schedule",
        )
    if sync.exclusive_group:
        raise ConfigError(
            f"{sync.path}: schedule 'live' with the exclusive_group '{sync.exclusive_group}'",
            allowed="no exclusive_group: it is decided for all people at once, by a job",
            remedy="remove exclusive_group, or set another schedule",
        )
    for column in sync.columns:
        if column.source in ("segments", "member_of"):
            raise ConfigError(
                f"{sync.path}: schedule 'live' with columns/{column.name} of the kind"
                f" '{column.source}'",
                allowed="columns with from, constant, template or row",
                remedy="use `row: segment`, or set another schedule",
            )


def _check_rows(sync: SyncConfig) -> None:
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
