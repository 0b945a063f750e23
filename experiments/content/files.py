"""Reads config/content: each slot checked against its neighbours before anything is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from experiments import definitions
from experiments.content import fields, templates
from experiments.content.slots import (
    ALL,
    FOLDER,
    ContentRule,
    Schedule,
    Slot,
    Variant,
    ViewCap,
)
from experiments.definitions import Experiment
from segmentry import configuration
from segmentry.errors import ConfigError
from segmentry.settings import Settings
from segments import installed
from segments.evaluation import compiled
from segments.guard import parse
from segments.predicates import Predicate, PredicateError

_UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@dataclass(frozen=True)
class _Reading:
    """What all slots are checked against."""

    folder: Path
    words: Mapping[str, str]
    identifying: frozenset[str]
    experiments: Mapping[str, Experiment]
    segments: frozenset[str]


def load(settings: Settings) -> dict[str, Slot]:
    """Every slot by name; the first that does not fit is a ConfigError that names the place."""
    found, errors = load_each(settings)
    if errors:
        raise next(iter(errors.values()))
    return found


def load_each(settings: Settings) -> tuple[dict[str, Slot], dict[str, ConfigError]]:
    """The slots that fit, and for each file that does not, why; both by the file's stem."""
    paths = sorted((settings.config / FOLDER).glob("*.y*ml"))
    reading = _reading(settings) if paths else None
    found: dict[str, Slot] = {}
    errors: dict[str, ConfigError] = {}
    for path in paths:
        assert reading is not None
        try:
            content = configuration.load_file(path, "content")
            if content["name"] != path.stem:
                _refuse(
                    f"config/content/{path.name}",
                    f"the name is '{content['name']}'",
                    "rename the file or change the name",
                    allowed=f"the file's own stem, '{path.stem}'",
                )
            found[path.stem] = _slot(content, reading)
        except ConfigError as error:
            errors[path.stem] = error
    return found, errors


def _reading(settings: Settings) -> _Reading:
    words = fields.vocabulary(settings)
    return _Reading(
        folder=settings.config / FOLDER / "templates",
        words=words,
        identifying=fields.identifying(settings),
        experiments=definitions.load(settings),
        segments=frozenset(installed.names(settings)),
    )


def one(settings: Settings, name: str) -> Slot:
    """The slot of that name, or UsageError naming those that exist."""
    return configuration.named(load(settings), name, "slot", FOLDER)


def _slot(content: Mapping[str, Any], reading: _Reading) -> Slot:
    place = f"config/content/{content['name']}.yml"
    zone = _zone(content.get("zone", "UTC"), place)
    is_html = content["kind"] == "html"
    variants = {
        name: _variant(name, entry, f"{place}: variants/{name}", zone, is_html, reading)
        for name, entry in content["variants"].items()
    }
    fallback = templates.load(
        content["fallback"]["template"], f"{place}: fallback", (), is_html=is_html
    )
    rules = tuple(
        _rule(number, entry, f"{place}: rule {number}", zone, variants, reading)
        for number, entry in enumerate(content["rules"], 1)
    )
    return Slot(
        name=content["name"],
        description=content["description"],
        owner=content["owner"],
        is_html=is_html,
        zone=zone,
        policy=content.get("policy", "priority"),
        salt=content.get("salt", content["name"]),
        variants=variants,
        fallback=fallback.render({}),
        rules=rules,
    )


def _variant(
    name: str, entry: Mapping[str, Any], place: str, zone: ZoneInfo, is_html: bool,
    reading: _Reading,
) -> Variant:  # fmt: skip
    text = entry.get("template")
    if text is None:
        text = _text_of(reading.folder / entry["file"], place)
    template = templates.load(
        text, place, reading.words, is_html=is_html, refused=reading.identifying
    )
    cap = entry.get("cap")
    return Variant(
        name=name,
        description=entry.get("description", ""),
        template=template,
        schedule=_schedule(entry, zone, place),
        cap=ViewCap(cap["times"], _span(cap["per"])) if cap else None,
    )


def _rule(
    number: int, entry: Mapping[str, Any], place: str, zone: ZoneInfo,
    variants: Mapping[str, Variant], reading: _Reading,
) -> ContentRule:  # fmt: skip
    segment = None if entry["segment"] == ALL else entry["segment"]
    if segment is not None and segment not in reading.segments:
        _refuse(
            place,
            f"there is no segment '{segment}'",
            "correct the name, or write it with `segmentry segments new`",
            allowed=f"{ALL}, or a segment of `segmentry segments list`",
        )
    condition = _condition(entry.get("where"), place, reading)
    weights, arms = _shares(entry, place, variants, reading)
    return ContentRule(
        place=number,
        segment=segment,
        condition=condition,
        matches=compiled(condition) if condition else None,
        weights=weights,
        experiment=entry.get("experiment"),
        arms=arms,
        priority=entry.get("priority"),
        is_override=entry.get("override", False),
        schedule=_schedule(entry, zone, place),
    )


def _condition(text: str | None, place: str, reading: _Reading) -> Predicate | None:
    if text is None:
        return None
    try:
        return parse(text, reading.words)
    except PredicateError as error:
        raise PredicateError(
            f"{place}: where: {error.received}",
            allowed=f"{error.allowed}; of the request {', '.join(fields.REQUEST_COLUMNS)}",
            remedy=error.remedy,
        ) from None


def _shares(
    entry: Mapping[str, Any], place: str, variants: Mapping[str, Variant], reading: _Reading
) -> tuple[dict[str, float], dict[str, str]]:
    """Weights of the variants, and the variant for each arm of an experiment; one is empty."""
    show = entry["show"]
    name = entry.get("experiment")
    if name is None:
        weights = {show: 1.0} if isinstance(show, str) else show
        if any(isinstance(weight, str) for weight in weights.values()):
            _refuse(place, "show has names and no experiment", "name the experiment, or weights")
        _check_variants(weights, place, variants)
        if not any(weights.values()):
            _refuse(place, "show gives every variant the weight 0", "give one of them more")
        return {key: float(weight) for key, weight in weights.items()}, {}
    if name not in reading.experiments:
        _refuse(
            place,
            f"there is no experiment '{name}'",
            "correct the name, or add config/experiments/<name>.yml",
            allowed=", ".join(reading.experiments) or "none exists",
        )
    experiment = reading.experiments[name]
    if not isinstance(show, dict) or set(show) != set(experiment.weights):
        _refuse(
            place,
            "show does not name each variant of the experiment",
            "write {variant of the experiment: variant of the slot}",
            allowed=", ".join(experiment.weights),
        )
    if not all(isinstance(shown, str) for shown in show.values()):
        _refuse(place, "show has weights", "leave the weights to the experiment's file")
    _check_variants(show.values(), place, variants)
    return {}, dict(show)


def _check_variants(names: Any, place: str, variants: Mapping[str, Variant]) -> None:
    for name in names:
        if name not in variants:
            _refuse(
                place,
                f"there is no variant '{name}' in this slot",
                "correct the name, or add the variant",
                allowed=", ".join(variants),
            )


def _schedule(entry: Mapping[str, Any], zone: ZoneInfo, place: str) -> Schedule:
    found = Schedule(
        _time(entry.get("starts_at"), zone, place), _time(entry.get("ends_at"), zone, place)
    )
    if found.starts_at and found.ends_at and found.starts_at >= found.ends_at:
        _refuse(place, "ends_at is not after starts_at", "correct one of them")
    return found


def _time(text: str | None, zone: ZoneInfo, place: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        _refuse(
            place,
            f"{text!r} is no time",
            "correct it",
            allowed="2026-05-01, 2026-05-01T18:00 or 2026-05-01T18:00+02:00",
        )
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _zone(name: str, place: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        _refuse(
            place,
            f"there is no time zone {name[:60]!r}",
            "correct the zone",
            allowed="a name of the IANA list, such as Europe/Berlin",
        )


def _text_of(path: Path, place: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        _refuse(
            place,
            f"templates/{path.name} cannot be read as text",
            "add the file, or correct its name",
            allowed="a file of config/content/templates in UTF-8",
        )


def _span(text: str) -> timedelta:
    number, unit = text.split()
    return int(number) * _UNITS[unit.removesuffix("s")]


def _refuse(place: str, received: str, remedy: str, *, allowed: str = "") -> NoReturn:
    raise ConfigError(f"{place}: {received}", allowed=allowed, remedy=remedy)
