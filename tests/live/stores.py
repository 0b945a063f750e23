"""Stores to test with, and records for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from live.store.base import ProfileStore
from live.store.embedded import EmbeddedStore
from live.store.keys import IdentifierHashes
from live.store.records import ProfileRecord, Version
from segmentry.settings import Settings

AT = datetime(2026, 3, 1, 12, 30)


def settings_of(home: Path) -> Settings:
    return Settings.from_environment({"SEGMENTRY_HOME": str(home)})


def embedded(home: Path) -> EmbeddedStore:
    return EmbeddedStore(home / "store" / "profiles.sqlite", IdentifierHashes(settings_of(home)))


def record(
    profile_id: str,
    snapshot: int,
    sequence: int = 0,
    *,
    segments: tuple[str, ...] = (),
    consent: dict[str, str] | None = None,
    identifiers: tuple[tuple[str, str], ...] = (),
) -> ProfileRecord:
    return ProfileRecord(
        profile_id,
        Version(snapshot, sequence),
        {"orders_lifetime": snapshot, "journey_stage": "active"},
        dict.fromkeys(segments, AT),
        {"churn_score": 0.25},
        consent if consent is not None else {"marketing/email": "granted"},
        (),
        identifiers,
    )


KINDS = ("embedded",)


@contextmanager
def opened(kind: str, home: Path) -> Iterator[ProfileStore]:
    assert kind == "embedded"
    yield embedded(home)
