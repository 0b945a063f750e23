"""Decisions as events of the source ``events``: one for each slot, with its propensity.

An event has the one identifier by which the person was found, so that a decision never links two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from experiments.decide.decisions import SlotDecision
from experiments.decide.person import ANALYTICS, PurposeBasis, Visitor

DECISION_MADE = "Decision Made"
EXPERIMENT_VIEWED = "Experiment Viewed"
# Types of identifiers that an event can carry, and its field for them.
FIELDS: Mapping[str, str] = {"cookie": "anonymousId", "user_id": "userId"}


def is_logged(person: Visitor | None, kind: str, analytics: PurposeBasis) -> bool:
    """Whether decisions about a person, found by this type of identifier, become events.

    One who is not known is not logged: each request of a robot would make a profile.
    """
    if person is None or kind not in FIELDS:
        return False
    return person.permits(ANALYTICS, analytics)


def lines(
    decision_id: str,
    decisions: Sequence[SlotDecision],
    identifier: tuple[str, str],
    now: datetime,
    *,
    is_shown: bool = False,
) -> bytes:
    """One line per decision. is_shown: with the exposure to each experiment, as the caller states
    that it shows what it gets. now: with its zone.
    """
    events = [_decision(decision_id, one) for one in decisions]
    if is_shown:
        events += exposures(decision_id, decisions)
    return written(events, identifier, now)


def exposures(decision_id: str, decisions: Iterable[SlotDecision]) -> list[dict[str, Any]]:
    """The Segment Spec's Experiment Viewed, once for each experiment."""
    found = {one.experiment: one for one in decisions if one.experiment is not None}
    return [exposure(decision_id, one.slot, name, str(one.arm)) for name, one in found.items()]


def exposure(decision_id: str, slot: str, experiment: str, arm: str) -> dict[str, Any]:
    """One exposure; the same decision and experiment have the same messageId."""
    return {
        "messageId": f"exposed-{decision_id}-{experiment}",
        "event": EXPERIMENT_VIEWED,
        "properties": {
            "decision_id": decision_id,
            "slot": slot,
            "experiment_id": experiment,
            "experiment_name": experiment,
            "variation_id": arm,
            "variation_name": arm,
        },
    }


def written(events: Iterable[dict[str, Any]], identifier: tuple[str, str], now: datetime) -> bytes:
    """Events as lines that the source ``events`` loads."""
    kind, value = identifier
    at = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    common = {"type": "track", FIELDS[kind]: value, "timestamp": at, "receivedAt": at}
    return b"".join(orjson.dumps({**common, **event}) + b"\n" for event in events)


def _decision(decision_id: str, one: SlotDecision) -> dict[str, Any]:
    properties = {
        "decision_id": decision_id,
        "slot": one.slot,
        "variant": one.variant,
        "propensity": one.propensity,
        "rule": one.rule,
        "experiment_id": one.experiment,
        "variation_id": one.arm,
        "reasons": list(one.reasons),
    }
    return {
        "messageId": f"decided-{decision_id}-{one.slot}",
        "event": DECISION_MADE,
        "properties": {name: value for name, value in properties.items() if value is not None},
    }


def read(lines_: Iterable[bytes]) -> Iterator[tuple[tuple[str, str], str, str, datetime]]:
    """Identifier, slot, variant and time of each decision among lines; others are passed over."""
    for line in lines_:
        if b'"Decision Made"' not in line:
            continue
        try:
            event = orjson.loads(line)
            properties = event["properties"]
            at = datetime.fromisoformat(event["timestamp"].replace("Z", "+00:00"))
            kind = next(kind for kind, field in FIELDS.items() if field in event)
            yield (kind, event[FIELDS[kind]]), properties["slot"], properties["variant"], at
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
            continue  # a torn last line of a file that was not closed
