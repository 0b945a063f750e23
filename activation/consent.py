"""The second gate: what stands of consent right now, read from the lake, asked for every row right before it leaves.

The audience was built with the same rules in SQL (models/audiences). This gate reads the decisions themselves, so that
one that came after the audience was built still counts, and a fault in either place is caught by the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby
from operator import itemgetter

import duckdb

from activation.config import Basis, Sync
from activation.model import Row
from segmentry import warehouse

_EVER = datetime(1, 1, 1)


@dataclass(frozen=True)
class Standing:
    """Newest decisions on one identifier for one purpose. here: for the very channel; widely: for a wider one."""

    granted_here: datetime | None = None
    granted_widely: datetime | None = None
    refused_here: datetime | None = None
    refused_widely: datetime | None = None

    @property
    def is_refused(self) -> bool:
        """Whether a refusal stands: only a later grant that is at least as specific lifts it."""
        here = self.granted_here or _EVER
        widely = max(here, self.granted_widely or _EVER)
        return (self.refused_here is not None and self.refused_here >= here) or (
            self.refused_widely is not None and self.refused_widely >= widely
        )

    @property
    def is_granted(self) -> bool:
        """Whether a grant stands and no refusal does."""
        return not self.is_refused and (self.granted_here is not None or self.granted_widely is not None)


class ConsentGate:
    """Answers for one sync which rows may leave. Reads again whenever the lake has a newer snapshot."""

    def __init__(self, lake: duckdb.DuckDBPyConnection, sync: Sync, basis: Basis) -> None:
        self._lake = lake
        self._sync = sync
        self._basis = basis
        self._snapshot = -1
        self._refused_people: set[str] = set()
        self._granted_people: set[str] = set()
        self._refused_addresses: set[str] = set()
        self._granted_addresses: set[str] = set()
        self._strict_people: set[str] = set()

    def refresh(self) -> bool:
        """Read decisions and suppressions of the lake's newest snapshot; False where it is the one last read."""
        newest = warehouse.current_snapshot(self._lake)
        if newest == self._snapshot:
            return False
        for held in (self._refused_people, self._granted_people, self._refused_addresses, self._granted_addresses):
            held.clear()
        self._read_decisions()
        self._read_suppressions()
        self._read_strict_people()
        self._snapshot = newest
        return True

    def refusal(self, row: Row) -> str:
        """Why the row may not leave, or '' when it may."""
        if row.profile_id in self._refused_people:
            return "refused, withdrawn or suppressed"
        address = self._address(row)
        if self._sync.address is None or self._sync.address_column is None:
            needed = self._basis.is_opt_in or row.profile_id in self._strict_people
            return "" if not needed or row.profile_id in self._granted_people else "no consent is known"
        if not address:
            return "no address"
        if address in self._refused_addresses:
            return "refused, withdrawn or suppressed"
        if self._basis.is_opt_in and address not in self._granted_addresses:
            return "no consent is known for the address"
        return ""

    def refused(self) -> tuple[set[str], set[str]]:
        """People, and addresses, that must not be reached."""
        return self._refused_people, self._refused_addresses

    def _address(self, row: Row) -> str:
        value = row.values.get(self._sync.address_column or "")
        return contact_key(value)

    def _read_decisions(self) -> None:
        for kind, identifier, person, standing in _standings(self._lake, self._sync):
            if standing.is_refused:
                self._refused_people.update([person] if person else [])
                if kind == self._sync.address:
                    self._refused_addresses.add(identifier)
            elif standing.is_granted:
                self._granted_people.update([person] if person else [])
                if kind == self._sync.address:
                    self._granted_addresses.add(identifier)

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


def _standings(lake: duckdb.DuckDBPyConnection, sync: Sync) -> Iterable[tuple[str, str, str | None, Standing]]:
    """Every identifier with a decision that touches the sync, and where it stands."""
    if not warehouse.relation_exists(lake, "marts.consents"):
        return
    cursor = lake.cursor()
    cursor.execute("use lake")
    cursor.execute(
        """
        with decisions as (
            select
                identifier_type, lower(trim(identifier)) as identifier, profile_id,
                lower(trim(purpose)) as purpose, coalesce(lower(trim(channel)), 'any') as channel,
                coalesce(lower(trim(status)) = 'granted', false) as is_grant, decided_at
            from marts.consents
        )
        select
            identifier_type, identifier, max(profile_id), channel = $channel as is_here, is_grant,
            max(coalesce(decided_at, timestamp '9999-12-31'))
        from decisions
        where
            identifier is not null
            and (
                (is_grant and purpose = $purpose and channel in ($channel, 'any')
                    and decided_at < (select max(as_of) from observability.clock))
                or (not is_grant and coalesce(purpose, 'any') in ($purpose, 'any', 'all')
                    and (channel in ($channel, 'any') or $channel = 'any'))
            )
        group by identifier_type, identifier, is_here, is_grant
        order by identifier_type, identifier
        """,
        {"channel": sync.channel, "purpose": sync.purpose},
    )
    rows = chain.from_iterable(iter(lambda: cursor.fetchmany(20_000), []))
    for (kind, identifier), decisions in groupby(rows, key=itemgetter(0, 1)):
        person = None
        parts: dict[str, datetime] = {}
        for _, _, profile_id, is_here, is_grant, moment in decisions:
            person = person or profile_id
            parts[f"{'granted' if is_grant else 'refused'}_{'here' if is_here else 'widely'}"] = moment
        yield kind, identifier, person, Standing(**parts)
