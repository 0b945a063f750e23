"""The live engine: an event becomes a membership within seconds.

``Engine.turn`` takes what the collector wrote since the last one, computes the profiles that it
affects and those that are due by time alone, and keeps the changes of memberships. It may be killed
at any point: a turn is kept as one transaction, and what others read of it is written again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from live import computation, definition, edges, facts, inbox, placing, staging, state, stays
from live.definition import Definition
from live.facts import FACTS, Facts
from live.placing import Placed
from live.publishing import Publisher
from live.state import Change, State, WaitingEvent
from segmentry import configuration, snapshots, warehouse
from segmentry.settings import Settings
from segmentry.tombstones import Tombstones
from segments.dwell import Stay

# Profiles that are computed together: more take longer than a turn should, and memory.
MOST_PROFILES = 1_000
# A lake whose clock is behind by more than this is of another time, such as a simulated shop: its
# facts do not age with the clock of the machine. ``clock: max_jump_days`` is as long.
CURRENT = timedelta(days=14)
EVENT = "event"
TIME = "time"
BATCH = "batch"


@dataclass(frozen=True)
class Turn:
    """What a turn did. evaluated: profiles. bytes_behind: what it left in the inbox."""

    lines: int = 0
    events: int = 0
    evaluated: int = 0
    changes: tuple[Change, ...] = ()
    bytes_behind: int = 0
    is_reloaded: bool = False
    is_more: bool = False


@dataclass
class _Loaded:
    """What is in memory of one batch."""

    definition: Definition
    facts: Facts
    stays: stays.Stays
    limits: tuple[int, ...]
    due: dict[str, datetime] = field(default_factory=dict)
    provisional: list[tuple[str, str, str, datetime]] = field(default_factory=list)
    identifiers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


def machine_time() -> datetime:
    """Now, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


@contextmanager
def started(settings: Settings, publisher: Publisher | None = None) -> Iterator[Engine]:
    """An engine on the newest batch of the home; NotReadyError without one."""
    definition.compiled(settings)  # before a file is made in a home without a batch
    with ExitStack() as stack:
        kept = State(state.file_of(settings))
        stack.callback(kept.close)
        engine = Engine(settings, kept, publisher)
        stack.callback(engine.close)
        yield engine


class Engine:
    """One engine per home. Not for several threads."""

    def __init__(self, settings: Settings, kept: State, publisher: Publisher | None) -> None:
        self.settings = settings
        self.state = kept
        self._publisher = publisher
        self._follower = inbox.Follower(inbox.folder(settings))
        self._open = ExitStack()
        self._watch = ExitStack()
        lake = self._watch.enter_context(warehouse.connect(settings, read_only=True))
        self._lake = lake
        self._newest = snapshots.watch(settings, lake)
        self._seen = -1
        self._batch: _Loaded | None = None
        self._members: set[tuple[str, str]] = set()

    def close(self) -> None:
        """Give back memory and connections."""
        self._open.close()
        self._watch.close()

    @property
    def facts(self) -> Facts:
        """The facts of the batch in memory; after the first turn."""
        return self._current().facts

    def turn(self, now: datetime | None = None, as_of: datetime | None = None) -> Turn:
        """One turn. now: the time of arrival of new lines, by default the machine's. as_of: the
        clock of the evaluation, by default now; never before that of an earlier turn or the batch.
        """
        now = now or machine_time()
        is_reloaded = self._follow(as_of or now)
        batch = self._current()
        clock = max(as_of or now, batch.facts.as_of, self._clock() or batch.facts.as_of)
        arrivals = self._follower.arrivals(self.state.places())
        forgotten = Tombstones(self.settings, configuration.shop_country(self.settings))
        lines = [
            WaitingEvent("", file, line, now, "")
            for file, line in arrivals.lines
            if not forgotten.names_forgotten(line)
        ]
        waiting = staging.stage(batch.facts, batch.definition, lines) if lines else []
        placed = placing.place(batch.facts, self.settings) if waiting else Placed()
        self._refuse(placed)
        due = self._due(clock, MOST_PROFILES)
        changes: list[Change] = []
        affected = sorted(placed.affected)
        with self.state.transaction():
            self.state.keep_places(arrivals.places)
            self.state.add_waiting(waiting)
            self.state.add_refusals(sorted(placed.refusals))
            batch.provisional += placed.provisional
            if placed.provisional or is_reloaded:
                self.state.keep_provisional(batch.provisional)
            for first in range(0, len(affected), MOST_PROFILES):
                changes += self._evaluate(affected[first : first + MOST_PROFILES], clock, EVENT)
            others = sorted(set(due) - placed.affected)
            changes += self._evaluate(others, clock, BATCH if is_reloaded else TIME)
            if affected or others:
                self.state.keep(state.CLOCK, clock)
            self.state.keep(state.READ_AT, machine_time())
            self.state.keep(state.BEHIND, arrivals.bytes_behind)
        self._named(placed)
        self.publish()
        return Turn(
            len(arrivals.lines), len(waiting), len(affected) + len(others), tuple(changes),
            arrivals.bytes_behind, is_reloaded, bool(self._due(clock, 1)),
        )  # fmt: skip

    def publish(self) -> None:
        """Bring the real-time store up to the newest change; also what a killed turn left."""
        if self._publisher is not None:
            named = self._batch.identifiers if self._batch is not None else {}
            self._publisher.publish(self.state, named)

    def _named(self, placed: Placed) -> None:
        """Remember by which identifiers new profiles are found."""
        for one, pairs in placed.identifiers.items():
            self._current().identifiers.setdefault(one, []).extend(pairs)

    def _clock(self) -> datetime | None:
        text = self.state.fact(state.CLOCK)
        return datetime.fromisoformat(text) if text else None

    def _current(self) -> _Loaded:
        if self._batch is None:
            raise RuntimeError("the engine has no batch")
        return self._batch

    def _due(self, clock: datetime, most: int) -> list[str]:
        batch = self._current()
        found = [profile for profile, at in batch.due.items() if at <= clock]
        found.sort(key=lambda profile: (batch.due[profile], profile))
        return found[:most]

    def _refuse(self, placed: Placed) -> None:
        """A refusal counts before anything is computed."""
        if not placed.refusals:
            return
        self._current().facts.connection.executemany(
            f"insert into {FACTS}.main.refusals values (?, ?)",
            [list(row) for row in sorted(placed.refusals)],
        )
        if self._publisher is not None:
            self._publisher.opt_out(placed.refusals)

    def _evaluate(self, people: Collection[str], clock: datetime, cause: str) -> list[Change]:
        """Compute and judge these profiles, and keep what came of it."""
        if not people:
            # A batch changes memberships of people that nothing is evaluated of.
            return self._changes(clock, cause) if cause == BATCH else []
        batch = self._current()
        everyone, rows = computation.profiles(
            batch.facts, batch.definition, people, clock, batch.stays.book.columns
        )
        after = batch.stays.evaluate(sorted(everyone), rows, clock)
        self.state.keep_stays(everyone, after)
        self.state.keep_evaluated(everyone, clock)
        self._plan(everyone, clock, batch.stays.deadlines(after))
        return self._changes(clock, cause)

    def _plan(
        self, people: Collection[str], clock: datetime, deadlines: Mapping[str, datetime]
    ) -> None:
        batch = self._current()
        found = edges.next_times(batch.facts, batch.limits, clock, people)
        for one in people:
            times = [at for at in (found.get(one), deadlines.get(one)) if at is not None]
            later = [at for at in times if at > clock]
            batch.due.pop(one, None)
            if later:
                batch.due[one] = min(later)

    def _changes(self, clock: datetime, cause: str) -> list[Change]:
        """What differs from the memberships that were kept, as entries and exits."""
        before = self._members
        after = self._current().stays.effective()
        left = [Change(p, s, "left", clock, cause) for p, s in sorted(before - after)]
        entered = [Change(p, s, "entered", clock, cause) for p, s in sorted(after - before)]
        self.state.add_changes([*left, *entered])
        self._members = after
        return [*left, *entered]

    def _follow(self, clock: datetime) -> bool:
        """Take up the newest batch, if it is not the one in memory."""
        newest = self._newest()
        if self._batch is not None and newest == self._seen:
            return False
        self._seen = newest
        snapshot = facts.published_snapshot(self._lake)
        if self._batch is not None and self._batch.facts.snapshot == snapshot:
            return False
        self._open.close()
        self._batch = None
        found = definition.compiled(self.settings)
        loaded = self._open.enter_context(facts.gathered(self.settings, found, snapshot))
        book = stays.rule_book(self.settings, loaded)
        limits = edges.ages(found, book)
        self._batch = _Loaded(found, loaded, stays.Stays(loaded, found, book), limits)
        self._continue(clock)
        return True

    def _continue(self, clock: datetime) -> None:
        """Go on from the batch: drop what it has, and take up what live knows beyond it."""
        batch = self._current()
        is_same = self.state.fact(state.SNAPSHOT) == str(batch.facts.snapshot)
        # Who was evaluated before the batch is as the batch has it.
        evaluated = {
            profile: at
            for profile, at in self.state.evaluated().items()
            if is_same or at > batch.facts.as_of
        }
        dropped, affected, refusals = self._take_up_events()
        with self.state.transaction():
            self.state.drop_waiting(dropped)
            self.state.replace_refusals(sorted(refusals))
            self._take_up_stays(evaluated, is_same)
            if self.state.fact(state.SNAPSHOT) is None:
                self._seed()
            self.state.keep(state.SNAPSHOT, batch.facts.snapshot)
        self._members = set(self.state.memberships())
        self._plan_all(clock, {*evaluated, *affected})

    def _seed(self) -> None:
        """The memberships of the batch are where live begins; none of them is a change."""
        memberships = self._current().facts.connection.execute(
            f"select profile_id, segment, entered_at from {FACTS}.{facts.MEMBERSHIPS}"
        )
        self.state.seed_memberships(memberships.fetchall())

    def _take_up_events(self) -> tuple[list[str], set[str], set[tuple[str, str]]]:
        """Add the events that no batch has yet; returns the ids of the others, the profiles
        affected, and their refusals.
        """
        batch = self._current()
        waiting = self.state.waiting()
        landed = _judged_files(self._lake, batch.facts.snapshot)
        paths = {file: place.path for file, place in self.state.places().items()}
        forgotten = Tombstones(self.settings, configuration.shop_country(self.settings))
        missing = [
            event
            for event in waiting
            if paths.get(event.file, "") not in landed and not forgotten.names_forgotten(event.line)
        ]
        kept = staging.stage(batch.facts, batch.definition, missing) if missing else []
        placed = placing.place(batch.facts, self.settings) if kept else Placed()
        batch.provisional = placed.provisional
        self._named(placed)
        self._refuse(placed)
        dropped = {event.event_id for event in waiting} - {event.event_id for event in kept}
        return sorted(dropped), placed.affected, placed.refusals

    def _take_up_stays(self, evaluated: Mapping[str, datetime], is_same: bool) -> None:
        batch = self._current()
        version = {name: rule.version for name, rule in batch.stays.book.rules.items()}
        rows = [row for row in self.state.stays() if version.get(row.segment) == row.version]
        if not is_same:
            there = batch.stays.of(evaluated)
            merged = []
            for row in rows:
                key = (row.profile_id, row.segment)
                live = Stay(row.pending_since, row.entered_at, row.exiting_since)
                stay = stays.continued(there.pop(key, None), live)
                if stay is not None:
                    merged.append(stays.row_of(key, row.version, stay))
            merged += [stays.row_of(key, version[key[1]], stay) for key, stay in there.items()]
            rows = merged
            self.state.clear_evaluated()
            self.state.keep_stays(evaluated, rows)
            for profile, at in evaluated.items():
                self.state.keep_evaluated([profile], at)
        if evaluated:
            batch.stays.replace(evaluated, rows)

    def _plan_all(self, clock: datetime, evaluated: Collection[str]) -> None:
        """When each profile is due: who was evaluated live, at once; others by the batch's clock,
        in a lake of today.
        """
        batch = self._current()
        if clock - batch.facts.as_of <= CURRENT:
            batch.due = edges.next_times(batch.facts, batch.limits, batch.facts.as_of)
        batch.due.update(dict.fromkeys(evaluated, batch.facts.as_of))


def _judged_files(lake: facts.Lake, snapshot: int) -> set[str]:
    """Files of which the batch has judged every line: one that has landed alone may be ahead of its
    staging.
    """
    rows = lake.execute(
        f"select distinct _file from lake.{definition.EVENTS} at (version => {snapshot})"
    ).fetchall()
    return {file for (file,) in rows}
