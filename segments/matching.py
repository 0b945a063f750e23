"""Asks all segments of all profiles at once: conditions are asked of a column's values rather than
of the profiles.

A predicate matches in one of its *ways*; a way is one condition per column, and has one bit. If
many conditions read a column, they are evaluated on its distinct values: each value gets words of
bits, those of ways that do not read the column all set, and values with the same words share a
cell. The ways that match a profile are the bitwise `and` of the words of its cells, so a thousand
segments cost a profile some operations per column and word, and not one comparison per condition.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import duckdb

from segments.guard import parse
from segments.predicates import Junction, Not, Predicate, columns_of

# Bits of a word: DuckDB's widest unsigned integer that all its operators compute on natively.
WIDTH = 64
# `(a or b) and (c or d)` has four ways. A part with more is asked of each profile as it is written.
MOST_WAYS = 16
# Fewer conditions on a column are asked of each profile: finding its cell costs about as much as
# twelve of them.
LEAST_CONDITIONS = 12
# Joins per select. More at once drag the words of all columns along; fewer pass the rows on too
# often (2 and 8 took a third more of the processor than 4 at a thousand segments over 42 columns).
TOGETHER = 4
# The axis of conditions that read several columns, or none.
SEVERAL = ""

# A condition per axis: the column it reads, or SEVERAL.
Way = Mapping[str, str]


@dataclass(frozen=True)
class Question:
    """What is asked of every profile. is_match: the segment's predicate, rather than its
    stay_while.
    """

    segment: str
    predicate: Predicate
    is_match: bool = True


def ways(part: Predicate, *, is_negated: bool = False) -> list[Way]:
    """The ways in which a predicate matches: it does if all conditions of one of them do."""
    if len(columns_of(part)) > 1:
        if isinstance(part, Not):
            return ways(part.part, is_negated=not is_negated)
        if isinstance(part, Junction):
            return _joined(part, is_negated)
    columns = columns_of(part)
    text = f"not ({part.to_sql()})" if is_negated else f"({part.to_sql()})"
    return [{columns[0] if len(columns) == 1 else SEVERAL: text}]


def _joined(part: Junction, is_negated: bool) -> list[Way]:
    inner = [ways(each, is_negated=is_negated) for each in part.parts]
    # `not (a and b)` is `(not a) or (not b)`, also where one is unknown.
    is_either = (part.word == "or") is not is_negated
    count = sum(map(len, inner)) if is_either else math.prod(map(len, inner))
    if count > MOST_WAYS:
        return [{SEVERAL: f"not ({part.to_sql()})" if is_negated else f"({part.to_sql()})"}]
    if is_either:
        return [way for found in inner for way in found]
    return [_together(chosen) for chosen in product(*inner)]


def _together(chosen: Iterable[Way]) -> Way:
    found: dict[str, list[str]] = {}
    for way in chosen:
        for axis, text in way.items():
            found.setdefault(axis, []).append(text)
    return {axis: " and ".join(texts) for axis, texts in found.items()}


class Scan:
    """One evaluation of all questions over a relation, in temporary tables of the connection."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, profiles: str, questions: Sequence[Question]
    ) -> None:
        """profiles: a relation with a profile_id and the columns that the questions read."""
        self.connection = connection
        self.profiles = profiles
        self.bits = [(question, way) for question in questions for way in ways(question.predicate)]
        asked: dict[str, set[str]] = {}
        for _, way in self.bits:
            for axis, text in way.items():
                asked.setdefault(axis, set()).add(text)
        self.columns = sorted(
            a for a, texts in asked.items() if a != SEVERAL and len(texts) >= LEAST_CONDITIONS
        )
        self.direct = set(asked) - set(self.columns)

    def run(self) -> duckdb.DuckDBPyRelation:
        """Rows (segment, profile_id, is_match), one per segment and profile with a question that
        matches.
        """
        for number, column in enumerate(self.columns):
            self._make(f"matching_cells_{number}", self._cells(column))
            self._make(
                f"matching_values_{number}",
                f"select cell, unnest(members) as member from matching_cells_{number}",
            )
        self._make("matching_profiles", self._placed())
        self._make("matching_words", self._kept())
        self._make("matching_bits", self._questions())
        for name in [
            "profiles",
            *(f"{kind}_{n}" for n in range(len(self.columns)) for kind in ("cells", "values")),
        ]:
            self.connection.execute(f"drop table matching_{name}")
        matched = """
            from matching_words as words
            inner join matching_bits as bits on words.word = bits.word
                and (words.matched & bits.bit) <> 0
        """
        return self.connection.sql(f"""
            select segment, profile_id, is_match {matched} where bits.is_alone
            union all
            select segment, profile_id, bool_or(is_match) {matched} where not bits.is_alone
                group by segment, profile_id
            """)

    def _questions(self) -> str:
        """One row per bit; is_alone: no other bit can give the same row for the same profile."""
        times = Counter(question.segment for question, _ in self.bits)
        rows = ", ".join(
            f"({n // WIDTH}, {1 << n % WIDTH}::ubigint, {_text(q.segment)}, {q.is_match},"
            f" {times[q.segment] == 1})"
            for n, (q, _) in enumerate(self.bits)
        )
        columns = "(word, bit, segment, is_match, is_alone)"
        return (
            f"select * from (values {rows or '(0, 0::ubigint, null, true, true)'}) as bits"
            f" {columns}"
        )

    def _make(self, name: str, sql: str) -> None:
        self.connection.execute(f"create or replace temp table {name} as {sql}")

    def _words(self, axes: Iterable[str]) -> dict[int, str]:
        """Per word that these axes have a part in: its bits, those of ways without a condition on
        them set.
        """
        found = {}
        for word in range(math.ceil(len(self.bits) / WIDTH)):
            free = 0
            terms = []
            for place, (_, way) in enumerate(self.bits[word * WIDTH : (word + 1) * WIDTH]):
                if texts := [way[axis] for axis in axes if axis in way]:
                    terms.append(
                        f" + case when {' and '.join(texts)} then {1 << place}::ubigint else 0 end"
                    )
                else:
                    free |= 1 << place
            if terms:
                found[word] = f"{free}::ubigint{''.join(terms)}"
        return found

    def _cells(self, column: str) -> str:
        """One row per cell of a column: its words, and the values that answer alike."""
        words = _named(self._words([column]))
        return f"""
            select row_number() over ()::uinteger as cell, * from (
                select {words}, list({column}) as members
                from (select distinct {column} from {self.profiles}) as known
                group by all
            ) as answers
        """

    def _placed(self) -> str:
        """One row per profile: its cell in each column, and the words of the conditions that are
        asked of itself.
        """
        words = _named(self._words(sorted(self.direct)))
        values = ", ".join(f"{column} as value_{n}" for n, column in enumerate(self.columns))
        sql = f"select {_listed('profile_id', words, values)} from {self.profiles}"
        direct = ", ".join(f"word_{word}" for word in self._words(sorted(self.direct)))
        for group in self._groups():
            cells = ", ".join(f"cell_{n}" for n in range(group.start))
            found = ", ".join(f"values_{n}.cell as cell_{n}" for n in group)
            later = ", ".join(f"value_{n}" for n in range(group.stop, len(self.columns)))
            joins = "".join(
                f" inner join matching_values_{n} as values_{n} on value_{n} is not distinct from"
                f" values_{n}.member"
                for n in group
            )
            sql = (
                f"select {_listed('profile_id', direct, cells, found, later)} from ({sql}) as"
                f" placed{joins}"
            )
        return sql

    def _kept(self) -> str:
        """One row per profile and word in which a bit is left."""
        sql = "select * from matching_profiles"
        seen = set(self._words(sorted(self.direct)))
        for group in self._groups():
            parts = {word: [f"placed.word_{word}"] for word in sorted(seen)}
            for n in group:
                for word in self._words([self.columns[n]]):
                    parts.setdefault(word, []).append(f"cells_{n}.word_{word}")
            seen |= set(parts)
            later = ", ".join(f"cell_{n}" for n in range(group.stop, len(self.columns)))
            words = _named({word: " & ".join(names) for word, names in parts.items()})
            joins = "".join(
                f" inner join matching_cells_{n} as cells_{n} on cell_{n} = cells_{n}.cell"
                for n in group
            )
            sql = f"select {_listed('profile_id', later, words)} from ({sql}) as placed{joins}"
        words = ", ".join(f"word_{word}" for word in sorted(seen))
        return f"""
            select profile_id, word, matched from (
                select profile_id, unnest({sorted(seen)}::integer[]) as word,
                    unnest([{words}]::ubigint[]) as matched
                from ({sql}) as placed
            ) as words
            where matched <> 0
        """

    def _groups(self) -> list[range]:
        count = len(self.columns)
        return [range(start, min(start + TOGETHER, count)) for start in range(0, count, TOGETHER)]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _named(words: Mapping[int, str]) -> str:
    return ", ".join(f"{text} as word_{word}" for word, text in words.items())


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def questions(
    rules: Iterable[tuple[str, str | None, str | None]], vocabulary: Mapping[str, str]
) -> list[Question]:
    """What (segment, predicate, stay_while) asks; a segment of free SQL, which has no predicate,
    asks nothing here.
    """
    asked = []
    for segment, predicate, stay in rules:
        if predicate is not None:
            asked.append(Question(segment, parse(predicate, vocabulary)))
        if stay is not None:
            asked.append(Question(segment, parse(stay, vocabulary), is_match=False))
    return asked
