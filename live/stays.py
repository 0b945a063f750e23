"""Who is in which segment: the dwell rules of ``segments.dwell`` for the people affected, then
priority, exclusive groups and sizes by the batch's own statement for all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from live import definition
from live import facts as lake_facts
from live.computation import Row, name
from live.definition import Definition
from live.facts import FACTS, Facts
from live.state import StayRow
from segmentry.settings import Settings
from segments import installed
from segments.dwell import Rules, Stay, step
from segments.evaluation import Evaluator, compiled
from segments.installed import Segment
from segments.predicates import columns_of


@dataclass(frozen=True)
class LiveRule:
    """A segment that live evaluates. stay: its stay_while."""

    segment: Segment
    version: str
    dwell: Rules
    matches: Evaluator
    stay: Evaluator | None


@dataclass(frozen=True)
class RuleBook:
    """The rules of the newest batch. left_out: segments that only the batch evaluates: free SQL,
    and rules that changed since.
    """

    rules: Mapping[str, LiveRule]
    columns: frozenset[str]
    left_out: tuple[str, ...]


def rule_book(settings: Settings, facts: Facts) -> RuleBook:
    """The segments as they are written, if the newest batch has them so."""
    published = dict(
        facts.connection.execute(
            f"select segment, definition_version from lake.{lake_facts.RULES}"
        ).fetchall()
    )
    found = installed.load_all(settings)
    rules = {
        segment: _rule(one)
        for segment, one in found.items()
        if one.predicate is not None and published.get(segment) == one.definition_version
    }
    read = [p for r in rules.values() for p in (r.segment.predicate, r.segment.stay) if p]
    columns = frozenset(column for predicate in read for column in columns_of(predicate))
    return RuleBook(rules, columns, tuple(sorted({*published, *found} - set(rules))))


def _rule(segment: Segment) -> LiveRule:
    stay = compiled(segment.stay) if segment.stay else None
    return LiveRule(segment, segment.definition_version, Rules.of(segment), segment.matches, stay)


# The tables of ``lake`` have the people affected; who is left out of a segment is asked of all.
_OF_ALL = {
    definition.STANDINGS: f"{FACTS}.{lake_facts.REFUSED}",
    definition.RESTRICTED: f"{FACTS}.{definition.RESTRICTED}",
}


def _of_all_people(sql: str) -> str:
    for relation, of_all in _OF_ALL.items():
        schema, _, table = relation.partition(".")
        sql = re.sub(rf'"?lake"?\."?{schema}"?\."?{table}"?', of_all, sql)
    return sql


class Stays:
    """The stays of every profile, in the in-memory table that the batch's statement reads."""

    def __init__(self, facts: Facts, found: Definition, book: RuleBook) -> None:
        self._facts = facts
        self._effective = _of_all_people(found.effective)
        self.book = book
        facts.connection.execute(f"""
            insert into lake.{lake_facts.STATES}
            from {FACTS}.{lake_facts.STATES} where left_at is null and dropped_at is null
        """)

    def replace(self, profiles: Collection[str], stays: Iterable[StayRow]) -> None:
        """Replace what live keeps of these profiles; other segments stay as the batch has them."""
        connection = self._facts.connection
        rows = list(stays)
        name(self._facts, profiles)
        connection.register("rules", pa.table({"s": pa.array(list(self.book.rules), pa.string())}))
        connection.execute(f"""
            delete from lake.{lake_facts.STATES}
            where profile_id in (from affected) and segment in (select s from rules)
        """)
        connection.unregister("rules")
        connection.register("stays", _table(rows))
        connection.execute(f"insert into lake.{lake_facts.STATES} by name select * from stays")
        connection.unregister("stays")

    def of(self, profiles: Collection[str]) -> dict[tuple[str, str], Stay]:
        """The running stays of these profiles by (profile_id, segment), under today's rules."""
        name(self._facts, profiles)
        rows = self._facts.connection.execute(f"""
            select states.profile_id, states.segment, states.definition_version,
                states.pending_since, states.entered_at,
                case when states.recovered_at is null then states.exiting_since end
            from lake.{lake_facts.STATES} as states
            where states.profile_id in (from affected)
        """).fetchall()
        return {
            (profile, segment): Stay(pending, entered, exiting)
            for profile, segment, version, pending, entered, exiting in rows
            if segment in self.book.rules and self.book.rules[segment].version == version
        }

    def evaluate(
        self, profiles: Collection[str], rows: Mapping[str, Row], as_of: datetime
    ) -> list[StayRow]:
        """One evaluation of these profiles, by the dwell rules; returns their stays after it."""
        before = {
            key: stay
            for key, found in self.of(profiles).items()
            if (stay := _undone(found, as_of)) is not None
        }
        after = []
        for profile_id in profiles:
            row = rows.get(profile_id)
            for segment, rule in self.book.rules.items():
                is_match = row is not None and rule.matches(row) is True
                is_staying = is_match or (
                    row is not None and rule.stay is not None and rule.stay(row) is True
                )
                stay = before.get((profile_id, segment))
                if stay is None and not is_match:
                    continue
                stay = step(stay, is_match, is_staying, as_of, rule.dwell)
                if stay is not None:
                    after.append(_row(profile_id, segment, rule.version, stay))
        self.replace(profiles, after)
        return after

    def effective(self) -> set[tuple[str, str]]:
        """All memberships, (profile_id, segment), after priority, groups and sizes."""
        rows = self._facts.connection.execute(
            f"select profile_id, segment from (\n{self._effective}\n)"
        ).fetchall()
        return set(rows)

    def deadlines(self, stays: Iterable[StayRow]) -> dict[str, datetime]:
        """The next time at which dwell rules alone may move each profile."""
        found: dict[str, datetime] = {}
        for stay in stays:
            rules = self.book.rules[stay.segment].dwell
            if stay.entered_at is None:
                at = stay.pending_since + rules.enter_after
            elif stay.exiting_since is not None:
                at = max(stay.exiting_since + rules.exit_after, stay.entered_at + rules.min_stay)
            else:
                continue
            found[stay.profile_id] = min(at, found.get(stay.profile_id, at))
        return found


def _undone(stay: Stay, as_of: datetime) -> Stay | None:
    """The stay before an evaluation at this very time, which a second one at it replaces: any
    number of evaluations at one time leave the same, as in the batch.
    """
    if stay.pending_since >= as_of:
        return None
    return Stay(
        stay.pending_since,
        None if stay.entered_at == as_of else stay.entered_at,
        None if stay.exiting_since == as_of else stay.exiting_since,
    )


def continued(batch: Stay | None, live: Stay) -> Stay | None:
    """The stay after a batch: the batch decides whether there is one, and its timers began when
    live saw the condition first. Otherwise who entered live would leave and enter again.
    """
    if batch is None:
        return None
    exiting = [at for at in (batch.exiting_since, live.exiting_since) if at is not None]
    return Stay(
        min(batch.pending_since, live.pending_since),
        live.entered_at or batch.entered_at,
        min(exiting) if batch.exiting_since is not None else None,
    )


def _row(profile_id: str, segment: str, version: str, stay: Stay) -> StayRow:
    return StayRow(
        profile_id, segment, version, stay.pending_since, stay.entered_at, stay.exiting_since
    )


def row_of(key: tuple[str, str], version: str, stay: Stay) -> StayRow:
    """A stay as the state keeps it. key: (profile_id, segment)."""
    return _row(*key, version, stay)


def _table(rows: Sequence[StayRow]) -> pa.Table:
    def column(field: str, kind: Any) -> pa.Array:
        return pa.array([getattr(row, field) for row in rows], kind)

    time = pa.timestamp("us")
    keys = [f"live|{row.profile_id}|{row.segment}" for row in rows]
    return pa.table({
        "stay_id": pa.array(keys, pa.string()),
        "segment": column("segment", pa.string()),
        "profile_id": column("profile_id", pa.string()),
        "definition_version": column("version", pa.string()),
        "pending_since": column("pending_since", time),
        "entered_at": column("entered_at", time),
        "exiting_since": column("exiting_since", time),
    })  # fmt: skip
