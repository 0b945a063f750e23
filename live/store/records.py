"""What the store keeps of one profile, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

Identifier = tuple[str, str]  # type and value in any spelling
GRANTED = "granted"
REFUSED = "refused"
ENTERED = "entered"
LEFT = "left"


class Version(NamedTuple):
    """Which write is newer: the snapshot of the lake that it was computed from, then the sequence
    number of the live engine, 0 for a batch.

    The engine takes the snapshot from ``ProfileStore.state()``, so its writes follow those of the
    batch that the store was fed from.
    """

    snapshot: int
    sequence: int = 0


@dataclass(frozen=True)
class ProfileRecord:
    """One profile to write. A part that is None stays as it is in the store.

    traits, scores: name to value, without NULLs. segments: name to ``entered_at`` (naive UTC).
    consent: ``purpose/channel`` to granted or refused; a use that is not there is undecided.
    strict: purposes whose basis is opt-out, but opt-in in the country of this profile. identifiers:
    all of the profile as (type, normal form); the store keeps their keyed hashes alone.
    """

    profile_id: str
    version: Version
    traits: Mapping[str, Any] | None = None
    segments: Mapping[str, datetime] | None = None
    scores: Mapping[str, Any] | None = None
    consent: Mapping[str, str] | None = None
    strict: Sequence[str] | None = None
    identifiers: Sequence[Identifier] | None = None

    def parts(self) -> dict[str, Any]:
        """The parts to write, as plain values of JSON; identifiers apart."""
        found: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("traits", "scores", "consent", "strict")
            if getattr(self, name) is not None
        }
        if self.segments is not None:
            found["segments"] = {
                name: at.isoformat(timespec="seconds") + "Z" for name, at in self.segments.items()
            }
        return found


@dataclass(frozen=True)
class StoredProfile:
    """One profile as the store answers it. Opt-outs that were marked are in consent already.

    segments: name to ``entered_at`` in ISO 8601.
    """

    profile_id: str
    version: Version
    traits: Mapping[str, Any] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)
    consent: Mapping[str, str] = field(default_factory=dict)
    strict: Sequence[str] = ()


class OptOutMark(NamedTuple):
    """A refusal that counts before the record of its profile is written again.

    snapshot: of the lake, from which on the rule has it, so that the next feed removes the mark;
    None for one that the lake does not have yet: it stays until the rule shows a refusal itself, or
    ``ProfileStore.lift`` removes it.
    """

    profile_id: str
    purpose: str
    channel: str
    snapshot: int | None = None


class MembershipChange(NamedTuple):
    """An entry or an exit. cursor: pass it to ``ProfileStore.changes`` to go on behind it."""

    cursor: str
    profile_id: str
    segment: str
    change: str
    version: Version


class StoreState(NamedTuple):
    """What the store was fed from. generation: another one after the store was lost or rebuilt, and
    then cursors of before mean nothing. snapshot: None before the first feed. fingerprint: of what
    decides the content of records.
    """

    generation: str
    snapshot: int | None = None
    fingerprint: str = ""


class StoreStats(NamedTuple):
    """How much the store contains."""

    profiles: int
    identifiers: int
    opt_outs: int
    changes: int
    bytes: int


def pack(parts: Mapping[str, Any]) -> bytes:
    """Plain values as JSON; dates in ISO 8601, decimals as numbers."""
    return orjson.dumps(parts, default=float, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)


def stored(
    profile_id: str, version: Version, body: bytes, opt_outs: Sequence[str] = ()
) -> StoredProfile:
    """A record as it is answered. opt_outs: marked uses as ``purpose/channel``."""
    parts = orjson.loads(body)
    consent = parts.get("consent", {})
    consent.update(dict.fromkeys(opt_outs, REFUSED))
    return StoredProfile(
        profile_id,
        version,
        parts.get("traits", {}),
        parts.get("segments", {}),
        parts.get("scores", {}),
        consent,
        parts.get("strict", ()),
    )
