"""One segment: its SQL and its yml, read, guarded and given a version."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from segmentry import configuration
from segmentry.errors import ConfigError, UsageError
from segmentry.settings import Settings
from segments.evaluation import Evaluator, compiled
from segments.guard import parse, parse_model
from segments.predicates import Predicate, PredicateError

# What opens an expression, a statement or a comment of a template.
_JINJA = re.compile(r"\{\{|\{%|\{#")
_UNITS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}


@dataclass(frozen=True)
class Segment:
    """One segment. predicate is None for free SQL (kind batch_only), which only the batch can
    evaluate.

    is_enabled: one that is not is checked and never evaluated.
    """

    name: str
    path: Path
    description: str
    meta: Mapping[str, Any]
    predicate: Predicate | None
    stay: Predicate | None
    sql: str
    is_enabled: bool = True

    @property
    def priority(self) -> int:
        """1 is the most important."""
        return int(self.meta["priority"])

    @property
    def exclusive_group(self) -> str | None:
        """The group in which a profile has at most one segment."""
        return cast("str | None", self.meta.get("exclusive_group"))

    @property
    def enter_after(self) -> timedelta:
        """How long the predicate must match before entry."""
        return duration(self.meta.get("enter_after"))

    @property
    def exit_after(self) -> timedelta:
        """How long it must not match before exit."""
        return duration(self.meta.get("exit_after"))

    @property
    def min_stay(self) -> timedelta:
        """How long a member stays at least."""
        return duration(self.meta.get("min_stay"))

    @property
    def definition_version(self) -> str:
        """Changes exactly when the rule of who is in changes: predicate, stay_while, dwell
        times.
        """
        rule = [
            self.predicate.to_sql() if self.predicate else " ".join(self.sql.split()),
            self.stay.to_sql() if self.stay else "",
            *(
                str(int(d.total_seconds()))
                for d in (self.enter_after, self.exit_after, self.min_stay)
            ),
        ]
        return hashlib.sha256("\n".join(rule).encode()).hexdigest()[:12]

    @cached_property
    def matches(self) -> Evaluator:
        """The predicate as a function of one profile."""
        return compiled(self._real_time(self.predicate))

    def _real_time(self, predicate: Predicate | None) -> Predicate:
        if predicate is None:
            raise UsageError(
                f"the segment '{self.name}' is free SQL",
                allowed="a segment of kind predicate",
                remedy="turn its windows and joins into features, then write it as a predicate",
            )
        return predicate


def duration(text: str | None) -> timedelta:
    """``2 days`` as a time span; none is zero."""
    if not text:
        return timedelta()
    number, unit = text.split()
    return int(number) * _UNITS[unit.removesuffix("s")]


def folder(settings: Settings) -> Path:
    """Where segments are."""
    return settings.dbt_project / "models" / "segments"


def vocabulary(settings: Settings) -> dict[str, str]:
    """Columns of profiles.profiles and their data types, from the enforced contract."""
    path = settings.dbt_project / "models" / "profiles" / "profiles.yml"
    content = configuration.read(path)
    return {column["name"]: column["data_type"] for column in content["models"][0]["columns"]}


def load(path: Path, words: Mapping[str, str]) -> Segment:
    """One segment from its SQL and the yml of the same stem."""
    pair = path.with_suffix(".yml")
    if not pair.exists():
        raise ConfigError(
            f"{path.name} has no {pair.name} next to it",
            allowed="a yml with description, meta and a unit test",
            remedy="write it; `segmentry segments new` makes a pair to begin from",
        )
    content = configuration.load_file(pair, "segment")
    _check_plain(pair)
    entry = content["models"][0]
    if entry["name"] != path.stem:
        raise ConfigError(
            f"{pair.name} describes '{entry['name']}'",
            allowed=path.stem,
            remedy="use the file's own stem",
        )
    return build(path, entry, _text_of(path), words)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigError(
            f"{path.name} cannot be read as text",
            allowed="a file in UTF-8",
            remedy="save it as UTF-8, and check that you may read it",
        ) from None


def _check_plain(pair: Path) -> None:
    """Refuse Jinja in the yml: dbt evaluates it, in descriptions and meta too."""
    if found := _JINJA.search(_text_of(pair)):
        raise ConfigError(
            f"{pair.name} contains '{found.group()}', which dbt reads as a template",
            allowed="plain YAML",
            remedy="remove it; put a space between the two characters in a description",
        )


def build(path: Path, entry: Mapping[str, Any], sql: str, words: Mapping[str, str]) -> Segment:
    """A segment from the content of its files."""
    meta = entry["config"]["meta"]
    is_free = meta.get("kind") == "batch_only"
    if is_free:
        from segmentry import readonly  # imports the database driver, which predicates do not need

        readonly.check_model(path.name, sql)
    is_enabled = entry["config"].get("enabled", True)
    predicate = None if is_free else parsed(path.name, sql, words)
    stay = parsed(path.name, meta["stay_while"], words, parse) if meta.get("stay_while") else None
    if not re.search(r"\b[Oo]ne row per\b", entry["description"]):
        raise ConfigError(
            f"{path.stem}: the description states no grain",
            remedy="end it with 'One row per profile.'",
        )
    return Segment(path.stem, path, entry["description"], meta, predicate, stay, sql, is_enabled)


def parsed(
    name: str,
    text: str,
    words: Mapping[str, str],
    by: Callable[[str, Mapping[str, str]], Predicate] = parse_model,
) -> Predicate:
    """The predicate of a file, or PredicateError that names the file."""
    try:
        return by(text, words)
    except PredicateError as error:
        raise PredicateError(
            f"{name}: {error.received}", allowed=error.allowed, remedy=error.remedy
        ) from None
