"""The second gate: what stands of consent right now, read from the lake, asked for every row right before it leaves.

The audience was built with the same rules in SQL (models/audiences). This gate reads the decisions themselves, so that
one that came after the audience was built still counts, and a fault in either place is caught by the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import duckdb
import numpy as np

from activation.config import Basis, Sync
from activation.model import Row
from segmentry import warehouse

REFUSED = "refused, withdrawn or suppressed"


class Known:
    """Who is known, by a keyed hash of 64 bits: eight bytes for each of millions, where a set of texts takes a hundred.

    With a million known, one unknown in 18 million million is taken for known here; the audience, which was built by
    the values themselves, has not got that one.
    """

    def __init__(self, chunks: Iterable[list[str]] = ()) -> None:
        hashes = [np.fromiter(map(hash, chunk), np.int64, len(chunk)) for chunk in chunks]
        self._hashes: Any = np.unique(np.concatenate(hashes)) if hashes else np.empty(0, np.int64)

    def of(self, values: Sequence[str]) -> list[bool]:
        """Whether each is known."""
        if not len(self._hashes):
            return [False] * len(values)
        asked = np.fromiter(map(hash, values), np.int64, len(values))
        places = np.minimum(np.searchsorted(self._hashes, asked), len(self._hashes) - 1)
        found: list[bool] = (self._hashes[places] == asked).tolist()
        return found


class ConsentGate:
    """Answers for one sync which rows may leave. Reads again whenever the lake has a newer snapshot."""

    def __init__(
        self, lake: duckdb.DuckDBPyConnection, sync: Sync, basis: Basis, newest: Callable[[], int] | None = None
    ) -> None:
        self._lake = lake
        self._newest = newest or (lambda: warehouse.current_snapshot(lake))
        self._sync = sync
        self._basis = basis
        self._snapshot = -1
        self._refused_people: set[str] = set()
        self._refused_addresses: set[str] = set()
        self._granted = Known()
        self._strict_people: set[str] = set()

    def refresh(self) -> bool:
        """Read decisions and suppressions of the lake's newest snapshot; False where it is the one last read."""
        newest = self._newest()
        if newest == self._snapshot:
            return False
        self._refused_people.clear()
        self._refused_addresses.clear()
        self._granted = Known()
        self._read_decisions()
        self._read_suppressions()
        self._read_strict_people()
        self._snapshot = newest
        return True

    def refusals(self, rows: Sequence[Row]) -> list[str]:
        """Why each row may not leave, or '' where it may."""
        people = [row.profile_id for row in rows]
        if self._sync.address is None or (column := self._sync.address_column) is None:
            granted = self._granted.of(people)
            return [self._of_person(person, known) for person, known in zip(people, granted, strict=True)]
        addresses = [contact_key(row.values.get(column)) for row in rows]
        granted = self._granted.of(addresses) if self._basis.is_opt_in else [True] * len(rows)
        is_clear = self._refused_people.isdisjoint(people) and self._refused_addresses.isdisjoint(addresses)
        if is_clear and all(granted) and all(addresses):
            return [""] * len(rows)
        return [self._of_address(*asked) for asked in zip(people, addresses, granted, strict=True)]

    def _of_person(self, person: str, is_granted: bool) -> str:
        if person in self._refused_people:
            return REFUSED
        needed = self._basis.is_opt_in or person in self._strict_people
        return "" if is_granted or not needed else "no consent is known"

    def _of_address(self, person: str, address: str, is_granted: bool) -> str:
        if person in self._refused_people or address in self._refused_addresses:
            return REFUSED
        if not address:
            return "no address"
        return "" if is_granted else "no consent is known for the address"

    def refused(self) -> tuple[set[str], set[str]]:
        """People, and addresses, that must not be reached."""
        return self._refused_people, self._refused_addresses

    def _read_decisions(self) -> None:
        """Whoever refuses; and, where a grant is needed, whoever has given one: for the address, or for the person."""
        if not warehouse.relation_exists(self._lake, "marts.consents"):
            return
        cursor = self._lake.cursor()
        cursor.execute("use lake")
        words = {"purpose": self._sync.purpose, "channel": self._sync.channel}
        people = f"select unnest([first_profile, last_profile]) from ({_STANDINGS})"
        self._refused_people.update(*_values(cursor, f"{people} where is_refused", words))
        if self._sync.address is None or self._sync.address_column is None:
            self._granted = Known(_values(cursor, f"{people} where is_granted", words))
            return
        words["kind"] = self._sync.address
        addresses = f"select identifier from ({_STANDINGS}) where identifier_type = $kind"
        self._refused_addresses.update(*_values(cursor, f"{addresses} and is_refused", words))
        if self._basis.is_opt_in:
            self._granted = Known(_values(cursor, f"{addresses} and is_granted", words))

    def _read_suppressions(self) -> None:
        if not warehouse.relation_exists(self._lake, "activation.suppressions"):
            return
        chosen = self._lake.execute(
            "select identifier_type, identifier from activation.suppressions where channel in (?, 'any')",
            [self._sync.channel],
        ).fetchall()
        people = {identifier for kind, identifier in chosen if kind == "profile_id"}
        self._refused_people |= people | _people_of(self._lake, chosen)
        self._refused_addresses |= {contact_key(value) for kind, value in chosen if kind == self._sync.address}

    def _read_strict_people(self) -> None:
        self._strict_people = set()
        if not self._basis.is_opt_in and self._basis.opt_in_countries:
            found = self._lake.execute(
                "select profile_id from profiles.profiles where list_contains(?, country)",
                [list(self._basis.opt_in_countries)],
            ).fetchall()
            self._strict_people = {row[0] for row in found}


def contact_key(value: object) -> str:
    """The form in which two writings of one identifier are compared."""
    return str(value).strip().lower() if value is not None else ""


def _people_of(lake: duckdb.DuckDBPyConnection, identifiers: Iterable[tuple[str, str]]) -> set[str]:
    pairs = [(kind, contact_key(value)) for kind, value in identifiers if kind != "profile_id"]
    if not pairs or not warehouse.relation_exists(lake, "identity.identifier_mapping"):
        return set()
    lake.execute("create or replace temp table suppressed (identifier_type varchar, identifier varchar)")
    lake.executemany("insert into suppressed values (?, ?)", pairs)
    found = lake.execute(
        "select distinct m.profile_id from identity.identifier_mapping m join suppressed s"
        " on m.identifier_type = s.identifier_type and lower(trim(m.identifier)) = s.identifier"
    ).fetchall()
    return {row[0] for row in found}


def _values(cursor: duckdb.DuckDBPyConnection, sql: str, words: dict[str, str]) -> Iterable[list[str]]:
    for batch in cursor.execute(sql, words).to_arrow_reader(50_000):
        yield [value for value in batch.column(0).to_pylist() if value is not None]


# Every identifier with a decision that touches the sync, and where it stands: a refusal is lifted only by a later grant
# that is at least as specific. here: decided for the very channel; widely: for a wider one.
_STANDINGS = """
    select
        *,
        coalesce(refused_here >= granted_here, false)
            or coalesce(refused_widely >= granted_at_all, false) as is_refused,
        not is_refused and granted_at_all > timestamp '0001-01-01' as is_granted
    from (
        select
            identifier_type, lower(trim(identifier)) as identifier,
            min(profile_id) as first_profile, max(profile_id) as last_profile,
            coalesce(max(moment) filter (is_grant and is_here), timestamp '0001-01-01') as granted_here,
            coalesce(max(moment) filter (is_grant), timestamp '0001-01-01') as granted_at_all,
            max(moment) filter (not is_grant and is_here) as refused_here,
            max(moment) filter (not is_grant and not is_here) as refused_widely
        from (
            select
                identifier_type, identifier, profile_id,
                coalesce(lower(trim(status)) = 'granted', false) as is_grant,
                coalesce(lower(trim(channel)), 'any') = $channel as is_here,
                coalesce(decided_at, timestamp '9999-12-31') as moment
            from marts.consents
            where
                identifier is not null
                and case
                    when lower(trim(status)) = 'granted'
                        then lower(trim(purpose)) = $purpose
                            and coalesce(lower(trim(channel)), 'any') in ($channel, 'any')
                            and coalesce(decided_at, timestamp '9999-12-31')
                                < (select max(as_of) from observability.clock)
                    else coalesce(lower(trim(purpose)), 'any') in ($purpose, 'any', 'all')
                        and ($channel = 'any' or coalesce(lower(trim(channel)), 'any') in ($channel, 'any'))
                end
        )
        group by identifier_type, lower(trim(identifier))
    )
"""
