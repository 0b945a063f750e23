"""Compares two homes row for row, but for what names a load or a run."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segmentry import warehouse
from segmentry.settings import Settings

# What follows from people and their records. Scores are left out where a model may have seen other
# people.
FOLLOWING = (
    "marts.orders", "marts.order_items", "marts.events", "marts.sessions", "marts.products",
    "marts.consents",
    "marts.tickets", "marts.surveys", "marts.messages", "marts.subscription_changes",
    "identity.identifier_mapping",
    "profiles.profiles", "segments.segment_memberships", "staging.currency_rates",
)  # fmt: skip
# Columns that name where or when a record was loaded.
_OF_A_LOAD = frozenset(
    {"_loaded_at", "_batch_id", "_file", "_line", "_source", "record_id", "loaded_at"}
)


def settings_of(home: Path) -> Settings:
    """The settings of a home, whatever the environment has."""
    return Settings.from_environment({"SEGMENTRY_HOME": str(home)})


def rows(home: Path, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """What a query finds in the lake."""
    with warehouse.connect(settings_of(home), read_only=True) as lake:
        return lake.execute(sql, list(values)).fetchall()


def differences(
    one: Path, other: Path, without: frozenset[str] = frozenset()
) -> dict[str, tuple[int, int, str]]:
    """Relation to rows that only one home has, how many each, and the columns in which they
    differ.
    """
    found = {}
    for relation in FOLLOWING:
        left, right = (_relation(home, relation, without) for home in (one, other))
        if left[1] != right[1]:
            only_left = left[1] - right[1]
            only_right = right[1] - left[1]
            columns = [
                name
                for place, name in enumerate(left[0])
                if Counter(row[place] for row in only_left.elements())
                != Counter(row[place] for row in only_right.elements())
            ]
            found[relation] = (only_left.total(), only_right.total(), ", ".join(columns))
    return found


def _relation(
    home: Path, relation: str, without: frozenset[str]
) -> tuple[list[str], Counter[tuple[str, ...]]]:
    with warehouse.connect(settings_of(home), read_only=True) as lake:
        found = lake.execute(f"select * from lake.{relation}")
        kept = [
            (place, column[0])
            for place, column in enumerate(found.description or [])
            if column[0] not in _OF_A_LOAD | without
        ]
        counted = Counter(tuple(repr(row[place]) for place, _ in kept) for row in found.fetchall())
    return [name for _, name in kept], counted


def sent(home: Path) -> Counter[tuple[tuple[str, str], ...]]:
    """Rows of the newest file of each file sync."""
    counted: Counter[tuple[tuple[str, str], ...]] = Counter()
    for folder in sorted(Path(home, "outbox").iterdir()):
        files = sorted(folder.rglob("*.csv"))
        for path in files[-1:]:
            with path.open(encoding="utf-8", newline="") as lines:
                counted.update(
                    tuple(sorted({"sync": folder.name, **row}.items()))
                    for row in csv.DictReader(lines)
                )
    return counted
