"""Decides for people of the real-time store, writes decisions to the inbox, and remembers caps."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from collector.journal import Journal
from experiments.content import fields
from experiments.content.fields import RequestContext
from experiments.content.slots import FALLBACK
from experiments.decide import lake as read
from experiments.decide import log
from experiments.decide.decisions import Content, SlotDecision, decide, fallback
from experiments.decide.person import ANALYTICS, PERSONALIZATION, Visitor
from experiments.decide.shown import ShownCounts
from live.store.base import ProfileStore
from live.store.records import GRANTED, REFUSED, Identifier, StoredProfile
from segmentry import published, warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings
from segments.predicates import family_of

# A decision is in the inbox within so many seconds, or bytes.
_FILE_SECONDS = 30.0
_FILE_BYTES = 64 * 1024 * 1024
# Sizes of segments change with a batch.
_SIZES_SECONDS = 300.0
_ANSWERS: Mapping[str | None, bool] = {GRANTED: True, REFUSED: False}
_log = logging.getLogger("api")


@dataclass(frozen=True)
class DecidedSlots:
    """Decisions about one person. identifier: by which it was found. now: with its zone."""

    decision_id: str
    made: Sequence[SlotDecision]
    identifier: Identifier
    person: Visitor | None
    now: datetime


class Decider:
    """The content of an installation over one store. Every method may be called from any thread."""

    def __init__(self, settings: Settings, store: ProfileStore, content: Content) -> None:
        self.content = content
        self._settings = settings
        self._store = store
        words = fields.vocabulary(settings)
        self._times = {name for name, kind in words.items() if family_of(kind) == "time"}
        self._dates = {name for name, kind in words.items() if family_of(kind) == "date"}
        inbox = Path(os.environ.get("SEGMENTRY_INBOX") or settings.home / "inbox")
        self._journal = Journal(
            inbox, _FILE_BYTES, _FILE_SECONDS, writer="decider", prefix="decided"
        )
        self._shown = ShownCounts()
        self._remember(inbox / "events", datetime.now(UTC))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="sizes", daemon=True)
        self._thread.start()

    def decide(
        self,
        identifiers: Sequence[Identifier],
        slots: Sequence[str],
        request: RequestContext,
        may_print: Callable[[str], bool],
    ) -> DecidedSlots:
        """What each slot shows the person of the first identifier that is known.

        Raises UsageError for a slot that does not exist. A fault of the store is the caller's to
        answer with ``fallbacks``.
        """
        now = datetime.now(UTC)
        identifier, person = self._person(identifiers)
        made = decide(self.content, person, slots, request, now, self._shown, may_print)
        return DecidedSlots(uuid.uuid4().hex, made, identifier, person, now)

    def record(self, found: DecidedSlots, *, is_shown: bool) -> dict[str, Any]:
        """Log decisions that are answered, count them for caps, and return the answer.

        A decision that came too late must not be recorded: the page has shown its fallback.
        """
        person = found.person
        is_logged = False
        if log.is_logged(person, found.identifier[0], self.content.analytics):
            is_logged = self._append(
                log.lines(
                    found.decision_id, found.made, found.identifier, found.now, is_shown=is_shown
                )
            )
        for one in found.made:
            if person is not None and self._has_cap(one.slot, one.variant):
                self._shown.add(person.profile_id, one.slot, one.variant, found.now)
        return _answer(found.decision_id, found.made, is_logged)

    def fallbacks(self, slots: Sequence[str], reason: str) -> dict[str, Any]:
        """The answer when nothing can be asked: every slot's fallback, not logged."""
        known = [self.content.slots[name] for name in slots if name in self.content.slots]
        return _answer(uuid.uuid4().hex, [fallback(slot, reason) for slot in known], False)

    def shown(
        self, identifiers: Sequence[Identifier], decision_id: str, arms: Mapping[str, str]
    ) -> bool:
        """Log that a person saw its arm of each experiment; returns whether that was logged.

        arms: experiment to arm. UsageError for one that the person is not assigned to.
        """
        identifier, person = self._person(identifiers)
        if person is None or not log.is_logged(person, identifier[0], self.content.analytics):
            return False
        for name, arm in arms.items():
            experiment = self.content.experiments.get(name)
            if experiment is None or experiment.variant_of(person.profile_id) != arm:
                raise UsageError(
                    "an experiment or its variant is not that of the decision",
                    allowed="experiment and variant as /v1/decide answered them",
                    remedy="send back what was answered, and only what is shown",
                )
        events = [log.exposure(decision_id, "", name, arm) for name, arm in arms.items()]
        return self._append(log.written(events, identifier, datetime.now(UTC)))

    def close(self) -> None:
        """Write what waits and end."""
        self._ended.set()
        self._journal.close()

    def _person(self, identifiers: Sequence[Identifier]) -> tuple[Identifier, Visitor | None]:
        found = self._store.find_many(identifiers)
        for identifier, stored in zip(identifiers, found, strict=True):
            if stored is not None:
                return identifier, self._visitor(stored)
        return ("", ""), None

    def _visitor(self, stored: StoredProfile) -> Visitor:
        traits = {**stored.traits, **stored.scores}
        for name in traits.keys() & self._times:
            traits[name] = _naive(traits[name])
        for name in traits.keys() & self._dates:
            traits[name] = _naive(traits[name]).date()
        consents = {
            purpose: _ANSWERS.get(stored.consent.get(f"{purpose}/any"))
            for purpose in (PERSONALIZATION, ANALYTICS)
        }
        return Visitor(
            stored.profile_id, traits, frozenset(stored.segments), consents,
            frozenset(stored.strict),
        )  # fmt: skip

    def _append(self, lines: bytes) -> bool:
        try:
            self._journal.append(lines)
        except OSError:
            _log.error("a decision was not logged: too many wait for the disk")
            return False
        return True

    def _has_cap(self, slot: str, variant: str) -> bool:
        known = self.content.slots[slot].variants.get(variant)
        return known is not None and known.cap is not None

    def _remember(self, events: Path, now: datetime) -> None:
        """Count what was decided before this start, as far back as the longest cap."""
        caps = [
            v.cap.per for s in self.content.slots.values() for v in s.variants.values() if v.cap
        ]
        since = now - max(caps, default=timedelta())
        for path in sorted(events.glob("decided-*.ndjson")) if caps else ():
            with contextlib.suppress(OSError):
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < since:
                    continue
                with path.open("rb") as lines:
                    found = [entry for entry in log.read(lines) if entry[3] > since]
                self._count(found)

    def _count(self, found: Sequence[tuple[Identifier, str, str, datetime]]) -> None:
        capped = [one for one in found if one[1] in self.content.slots and self._has_cap(*one[1:3])]
        people = self._store.find_many([identifier for identifier, *_ in capped])
        for (_, slot, variant, at), person in zip(capped, people, strict=True):
            if person is not None:
                self._shown.add(person.profile_id, slot, variant, at)

    def _follow(self) -> None:
        while not self._ended.wait(_SIZES_SECONDS):
            try:
                with published.reading(self._settings) as lake:
                    self.content = replace(self.content, sizes=read.sizes(lake))
            except Exception as error:  # the lake may be away; the former sizes stay
                _log.warning("sizes of segments could not be read: %s", type(error).__name__)


def open_decider(settings: Settings, store: ProfileStore) -> Decider:
    """The decider of an installation; ConfigError for content that does not fit."""
    with warehouse.connect(settings, read_only=True) as lake:
        content = read.content(settings, lake)
    return Decider(settings, store, content)


def _naive(value: Any) -> datetime:
    return datetime.fromisoformat(str(value).replace("Z", "+00:00")).replace(tzinfo=None)


def _answer(decision_id: str, made: Sequence[SlotDecision], is_logged: bool) -> dict[str, Any]:
    slots = {
        one.slot: {
            "variant": one.variant,
            "content": one.content,
            "kind": "html" if one.is_html else "text",
            "is_fallback": one.variant == FALLBACK,
            "propensity": one.propensity,
            "experiment": one.experiment,
            "arm": one.arm,
            "reasons": list(one.reasons),
        }
        for one in made
    }
    return {
        "decision_id": decision_id,
        "slots": slots,
        "is_logged": is_logged,
        "is_fallback": all(one.variant == FALLBACK for one in made),
    }
