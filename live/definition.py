"""The one definition of a profile, as dbt compiled it for the newest batch, made ready for a few
people: which statements run, in which order, and what they read. ADR 47 states the decisions.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ml.data.statements import FOLDER, Statements
from segmentry.errors import NotReadyError
from segmentry.settings import Settings

LAYERS = ("staging", "marts", "features", "profiles")
PROFILES = "profiles.profiles"
SPINE = "features.spine"
EVENTS = "staging.base_events"
RAW = "raw.events"
CLOCK = "observability.clock"
STANDINGS = "marts.profile_standings"
RESTRICTED = "marts.restricted_profiles"
MAPPING = "identity.identifier_mapping"
# What live takes from the batch as it is. Facts of other sources arrive with a batch, and values
# that depend on all people (spellings, places among people, scores) are those of the newest batch.
TAKEN = frozenset({
    "marts.orders", "marts.order_items", "marts.messages", "marts.tickets", "marts.surveys",
    "marts.subscription_changes", "marts.products", "marts.categories", "marts.crawler_agents",
    STANDINGS, RESTRICTED,
})  # fmt: skip
# The filter that an incremental build of base_events has on the batches that it reads.
_BATCHES = re.compile(
    r'(from\s+"lake"\."raw"\."events")\s+where\s+(false|_batch_id in \([^)]*\))', re.IGNORECASE
)
_DAYS = re.compile(r"age_days\s*(?:<|<=|>|>=)\s*(\d+)")
_INTERVALS = re.compile(r"interval\s+'?(\d+)'?\s*(second|minute|hour|day)s?'?", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_KEPT = frozenset({"record_id", "outcome", "event_id", "event_at", "_batch_id"})
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Definition:
    """The compiled statements. staging: makes base_events of the lines in ``raw.events``."""

    statements: Statements
    staging: str
    effective: str  # who is in which segment, by the stays of all

    @cached_property
    def made(self) -> tuple[str, ...]:
        """Relations that are computed for the people affected, each behind what it reads."""
        return tuple(self.statements.behind([PROFILES])[0])

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Relations that are taken from the lake."""
        return tuple(self.statements.behind([PROFILES])[1])

    def query(self, relation: str) -> str:
        """The statement of a relation; of the spine, the rows of the clock alone: models learn from
        the others.
        """
        sql = self.statements.sql[relation]
        return f"select * from (\n{sql}\n) where is_current" if relation == SPINE else sql

    def read_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Of the columns of an event, those that a statement may read; most of an event is text
        that staging and ``marts.events`` pass on to nobody here.
        """
        passing = ("staging.stg_events__events", "marts.events")
        texts = [self.statements.sql[name] for name in self.made if name not in passing]
        words = set(_WORD.findall(" ".join(texts)))
        # Named twice where it is passed on: it is computed with.
        counted = Counter(_WORD.findall(self.statements.sql.get("marts.events", "")))
        words |= {word for word, times in counted.items() if times > 1}
        return tuple(name for name in columns if name in words | _KEPT)

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """Ages at which a fact may enter or leave a window, in seconds: every limit of an age and
        every interval in the statements.
        """
        text = "\n".join(self.statements.sql[name] for name in self.made)
        days = {int(number) * _SECONDS["day"] for number in _DAYS.findall(text)}
        spans = {int(n) * _SECONDS[unit.lower()] for n, unit in _INTERVALS.findall(text)}
        return tuple(sorted(number for number in days | spans if number))


class _LiveStatements(Statements):
    def is_made(self, relation: str) -> bool:
        """Whether the relation is computed again, and not taken from the batch."""
        return relation in self.sql and relation not in TAKEN and relation != EVENTS


def compiled(settings: Settings) -> Definition:
    """The statements that the newest batch of this home ran; NotReadyError without a batch."""
    folder = settings.home / "dbt" / "target" / FOLDER
    texts = {layer: _texts(folder, layer) for layer in LAYERS}
    sql = {name: text for found in texts.values() for name, text in found.items()}
    published = folder / "segments" / "evaluation" / "published" / "effective_members.sql"
    if absent := [name for name in (PROFILES, EVENTS) if name not in sql] or (
        [] if published.exists() else ["segments.effective_members"]
    ):
        raise NotReadyError(
            f"no batch has compiled {absent[0]} in this home",
            allowed="a home in which the main job has run",
            remedy="run `segmentry run`",
        )
    return Definition(_LiveStatements(sql, {}), _staging(sql[EVENTS]), _read(published))


def _texts(folder: Path, layer: str) -> Mapping[str, str]:
    # Tests are compiled next to the models, in folders that are named like files.
    return {
        f"{layer}.{path.stem}": _read(path)
        for path in sorted((folder / layer).rglob("*.sql"))
        if not any(part.endswith((".yml", ".yaml")) for part in path.relative_to(folder).parts)
    }


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _staging(sql: str) -> str:
    """The rules of staging without the filter on batches: live stages each line once."""
    return _BATCHES.sub(r"\1", sql)
