"""The real-time store: one interface, an embedded and a Redis implementation.

Open the one of the installation with ``live.store.opened.open_store(settings)``. Who writes calls
``put`` with ``ProfileRecord`` objects: a batch at once is one transaction, and a record that is
older than the one in the store changes nothing. The store compares the segments of a record with
those that it had, and appends each entry and exit to its list of changes in the same transaction:
so a write that is repeated after a kill appends nothing twice. ::

    with closing(open_store(settings)) as store:
        base = store.state().snapshot or 0
        store.put([ProfileRecord("p1", Version(base, 7), segments={"new_visitors": entered_at})])
        store.opt_out([OptOutMark("p1", "marketing", "email")])  # takes effect with the next answer
        store.find_many([("email", "ann@example.com")])
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol

from live.store.records import (
    Identifier,
    MembershipChange,
    OptOutMark,
    ProfileRecord,
    StoredProfile,
    StoreState,
    StoreStats,
    Version,
)


class ProfileStore(Protocol):
    """Profiles by identifier. Every method may be called from any thread."""

    def find_many(self, identifiers: Sequence[Identifier]) -> list[StoredProfile | None]:
        """The profile of each identifier; its type may be ``profile_id``. None for none."""

    def put(self, records: Sequence[ProfileRecord], *, is_logged: bool = True) -> int:
        """Write records in one transaction; returns how many were not older than what is there.

        is_logged: append the entries and exits to the list of changes. Profiles that were forgotten
        are left out.
        """

    def delete(self, profile_ids: Collection[str], version: Version) -> int:
        """Remove profiles that are not newer than the version, and log their exits. An older write
        that arrives later does not bring them back.
        """

    def opt_out(self, opt_outs: Sequence[OptOutMark]) -> int:
        """Mark refusals; they are in every later answer. Returns how many are new."""

    def lift(self, profile_ids: Collection[str], snapshot: int | None) -> int:
        """Remove marks of the profiles, all or those of snapshots up to this one. Who calls it has
        the refusals in the records: this re-subscribes nobody.
        """

    def marked(self) -> Iterator[OptOutMark]:
        """All marks."""

    def forget(self, profile_ids: Collection[str], identifiers: Iterable[Identifier]) -> int:
        """Erase people and their changes for good; a later write of these profiles is refused."""

    def changes(self, after: str | None, most: int) -> list[MembershipChange] | None:
        """Changes behind a cursor, oldest first; None for a cursor whose successor is not kept or
        that is of another generation. after: None for those from the oldest on.
        """

    def newest(self) -> str:
        """The cursor of the newest change."""

    def consents(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Each profile with the consent of its record, without marks."""

    def older_than(self, version: Version) -> Iterator[str]:
        """Profiles whose record is older."""

    def state(self) -> StoreState:
        """What the store was fed from."""

    def keep_state(self, snapshot: int, fingerprint: str) -> None:
        """Record what the store has been fed from."""

    def begin_generation(self) -> None:
        """Make cursors of before invalid: the content is about to be rebuilt."""

    def stats(self) -> StoreStats:
        """How much the store contains."""

    def close(self) -> None:
        """Close connections and files."""
