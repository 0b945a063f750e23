"""Consent is asked for again for every row, right before it leaves, in the lake's newest snapshot.

The rule is the one by which the audience was built: marts.address_standings and
marts.profile_standings, views that are computed as they are read. Only the time of asking differs,
so that a decision of after the build still counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import compress
from operator import not_
from typing import Any

import duckdb
import numpy as np

from activation import suppressed
from activation.consent_policy import Basis
from activation.model import Row
from activation.row_table import column, profile_ids
from activation.suppression_lists import ListWatch
from segmentry import identifiers, warehouse
from segmentry.errors import SourceError
from segmentry.sync_config import SyncConfig
from segmentry.tombstones import Tombstones

# Addresses that are their own normal form, by type: lower case, no dot or hyphen out of place, and
# no `xn--`. One that identifies nobody has no normal form, and is left as it is.
_LABEL = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_PLAIN = {
    "email": re.compile(
        rf"(?=.{{6,254}}$)[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@(?:{_LABEL}\.)+[a-z]{{2,63}}", re.ASCII
    )
}
_NEVER = re.compile(r"(?!)")
REFUSED = "refused, withdrawn or suppressed"
# What consent is read from; an answer of the gate is valid only while these are unchanged.
RELATIONS = (
    "marts.consents",
    "marts.consent_reach",
    "activation.suppressions",
    "activation.waiting_refusals",
    "activation.restrictions",
    "audiences.suppressed_contacts",
)


class KnownHashes:
    """Who is known, by a keyed hash of 64 bits: eight bytes for each of millions, where a set of
    texts takes a hundred.

    With a million known, one unknown in 18 million million is taken for known here; the audience,
    which was built by the values themselves, has not got that one.
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
    """Answers for one sync which rows may leave. Reads again whenever the lake has a newer
    snapshot.
    """

    def __init__(
        self,
        lake: duckdb.DuckDBPyConnection,
        sync: SyncConfig,
        basis: Basis,
        newest: Callable[[], int] | None = None,
        graves: Tombstones | None = None,
        lists: ListWatch | None = None,
        meanwhile: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._lake = lake
        self._newest = newest or (lambda: warehouse.current_snapshot(lake))
        self._graves = graves
        self._lists = lists
        self._meanwhile = meanwhile
        self._refused_meanwhile: frozenset[str] = frozenset()
        self._sync = sync
        self._basis = basis
        self._snapshot = -1
        self._refused_people: set[str] = set()
        self._refused_addresses: set[str] = set()
        self._granted = KnownHashes()
        self._strict_people: set[str] = set()

    def refresh(self, *, is_for_removal: bool = False) -> bool:
        """Read decisions and suppressions of the lake's newest snapshot, and refusals that it does
        not have yet; False where nothing is newer than what was last read.

        Suppression lists that have changed are brought in first; one that cannot be read raises
        SourceError. is_for_removal: then the list as it was read last counts, because nothing
        delays the removal of people who opted out.
        """
        if self._lists is not None:
            try:
                self._lists.bring_in(self._lake, self._newest)
            except SourceError:
                if not is_for_removal:
                    raise
        refused = frozenset(self._meanwhile())
        is_changed = refused != self._refused_meanwhile
        self._refused_meanwhile = refused
        newest = self._newest()
        if newest == self._snapshot:
            return is_changed
        self._refused_people.clear()
        self._refused_addresses.clear()
        self._granted = KnownHashes()
        self._read_decisions()
        self._read_suppressions()
        self._read_strict_people()
        self._snapshot = newest
        return True

    def refusals(self, rows: Sequence[Row]) -> list[str]:
        """Why each row may not leave, or '' where it may. A forgotten person is never reached."""
        found = self._standing(rows)
        if not self._graves and not self._refused_meanwhile:
            return found
        return [
            why or (REFUSED if self._is_refused_meanwhile(row) or self._is_forgotten(row) else "")
            for row, why in zip(rows, found, strict=True)
        ]

    def _is_refused_meanwhile(self, row: Row) -> bool:
        return bool(self._refused_meanwhile) and row.profile_id in self._refused_meanwhile

    def _is_forgotten(self, row: Row) -> bool:
        if self._graves is None:
            return False
        name = self._sync.address_column
        address = str(row.values.get(name) or "") if name is not None else ""
        kind = self._sync.address
        return self._graves.has("profile_id", row.profile_id) or (
            kind is not None and bool(address) and self._graves.has(kind, address)
        )

    def _standing(self, rows: Sequence[Row]) -> list[str]:
        people = profile_ids(rows)
        if self._sync.address is None or (name := self._sync.address_column) is None:
            granted = self._granted.of(people)
            return [
                self._of_person(person, known)
                for person, known in zip(people, granted, strict=True)
            ]
        kind = self._sync.address
        addresses = normal_addresses(kind, column(rows, name))
        granted = self._granted.of(addresses) if self._basis.is_opt_in else [True] * len(rows)
        is_clear = self._refused_people.isdisjoint(people) and self._refused_addresses.isdisjoint(
            addresses
        )
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
        """Read the profiles that opted out and, if an opt-in is needed, the addresses or profiles
        that opted in.
        """
        if not warehouse.relation_exists(self._lake, "marts.consents"):
            return
        for relation in STANDINGS:
            warehouse.require(self._lake, relation, made_by="marts")
        cursor = self._lake.cursor()
        cursor.execute("use lake")
        use = {"purpose": self._sync.purpose, "channel": self._sync.channel}
        people = (
            "select profile_id from marts.profile_standings where purpose = $purpose and channel ="
            " $channel"
        )
        self._refused_people.update(*_values(cursor, f"{people} and is_refused", use))
        if self._sync.address is None or self._sync.address_column is None:
            self._granted = KnownHashes(_values(cursor, f"{people} and is_granted", use))
            return
        use["kind"] = self._sync.address
        # The standings are computed as they are read: both answers in one reading.
        wanted = "is_refused or is_granted" if self._basis.is_opt_in else "is_refused"
        addresses = (
            "select identifier, is_refused from marts.address_standings where identifier_type ="
            f" $kind and purpose = $purpose and channel = $channel and ({wanted})"
            " and identifier is not null"
        )
        self._granted = KnownHashes(self._granted_of(cursor.execute(addresses, use)))

    def _granted_of(self, cursor: duckdb.DuckDBPyConnection) -> Iterable[list[str]]:
        """The addresses with a grant, chunk by chunk; those refused are kept on the way."""
        for batch in cursor.to_arrow_reader(50_000):
            addresses = batch.column(0).to_pylist()
            if batch.column(1).true_count:
                refusals = batch.column(1).to_pylist()
                self._refused_addresses.update(compress(addresses, refusals))
                addresses = list(compress(addresses, map(not_, refusals)))
            yield addresses

    def _read_suppressions(self) -> None:
        found = suppressed.read(self._lake, self._sync.suppressing_channels)
        self._refused_people |= found.people
        self._refused_addresses |= {
            value for kind, value in found.identifiers if kind == self._sync.address
        }

    def _read_strict_people(self) -> None:
        self._strict_people = set()
        if not self._basis.is_opt_in and self._basis.opt_in_countries:
            found = self._lake.execute(
                "select profile_id from profiles.profiles where list_contains(?, country)",
                [list(self._basis.opt_in_countries)],
            ).fetchall()
            self._strict_people = {row[0] for row in found}


def normal_address(kind: str, value: object) -> str:
    """The normal form of an address; one that has none as it is, without blanks; '' for none at
    all.
    """
    if value is None:
        return ""
    return identifiers.normal(kind, value) or str(value).strip()


def normal_addresses(kind: str, values: Sequence[object]) -> list[str]:
    """``normal_address`` of each value. A plain one is seen at a glance, which takes a tenth of the
    time.
    """
    is_plain = _PLAIN.get(kind, _NEVER).fullmatch
    return [
        value if isinstance(value, str) and is_plain(value) else normal_address(kind, value)
        for value in values
    ]


def _values(
    cursor: duckdb.DuckDBPyConnection, sql: str, words: dict[str, str]
) -> Iterable[list[str]]:
    for batch in cursor.execute(sql, words).to_arrow_reader(50_000):
        yield [value for value in batch.column(0).to_pylist() if value is not None]


STANDINGS = ("marts.address_standings", "marts.profile_standings")
