"""The second gate: what stands of consent right now, read from the lake, asked for every row right before it leaves.

The audience was built with the same rules in SQL (models/audiences). This gate reads the decisions themselves, so that
one that came after the audience was built still counts, and a fault in either place is caught by the other.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from activation.config import Basis, Sync
from activation.model import Row
from segmentry import warehouse


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
        """Whoever refuses; and, where a grant is needed, whoever has given one: for the address, or for the person."""
        if not warehouse.relation_exists(self._lake, "marts.consents"):
            return
        cursor = self._lake.cursor()
        cursor.execute("use lake")
        words = {"purpose": self._sync.purpose, "channel": self._sync.channel}
        people = f"select unnest([first_profile, last_profile]) from ({_STANDINGS})"
        _fill(self._refused_people, cursor, f"{people} where is_refused", words)
        if self._sync.address is None or self._sync.address_column is None:
            _fill(self._granted_people, cursor, f"{people} where is_granted", words)
            return
        words["kind"] = self._sync.address
        addresses = f"select identifier from ({_STANDINGS}) where identifier_type = $kind"
        _fill(self._refused_addresses, cursor, f"{addresses} and is_refused", words)
        if self._basis.is_opt_in:
            _fill(self._granted_addresses, cursor, f"{addresses} and is_granted", words)

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


def _fill(held: set[str], cursor: duckdb.DuckDBPyConnection, sql: str, words: dict[str, str]) -> None:
    for batch in cursor.execute(sql, words).fetch_record_batch(50_000):
        held.update(value for value in batch.column(0).to_pylist() if value is not None)


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
