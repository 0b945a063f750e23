"""Withdrawals: rows that a destination has of people who opted out, are suppressed or were erased.

The sync removes them before anything else is decided. No guardrail, gate, plan or fault of an
audience stops this: the ledger and the consent gate are enough to find them, without an audience or
a profile.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from activation import work
from activation.consent import ConsentGate
from activation.ledger import destination_rows
from activation.ledger.database import Ledger
from activation.model import Operation, Row
from segmentry import identifiers, warehouse
from segmentry.sync_config import SyncConfig

CHUNK = 5_000  # rows at a time; more take memory, fewer take time
# Values of which each is known to be its own normal form, by the type of the address.
_NORMAL = {
    "email": "[a-z0-9._+-]+@[a-z0-9.-]+",
    "phone": "[+][0-9]+",
    "user_id": "[A-Za-z][A-Za-z0-9_-]*",
}
# Tables that name who must not be reached. After a change of one of them, the sync looks again.
REFUSAL_SOURCES = (
    "activation.suppressions", "activation.waiting_refusals", "activation.restrictions",
    "audiences.suppressed_contacts",
    "identity.identifier_mapping", "identity.profile_resolution",
    "marts.consent_matches", "marts.consent_reach", "marts.consents", "marts.identifier_homes",
)  # fmt: skip


def mark(lake: duckdb.DuckDBPyConnection) -> str:
    """A hash of the tables that name who must not be reached; the order of rows does not matter."""
    numbers = []
    for relation in REFUSAL_SOURCES:
        if not _exist(lake, relation):
            continue
        row = lake.execute(
            f"select count(*), coalesce(bit_xor(hash(t)), 0) from lake.{relation} t"
        ).fetchone()
        numbers += [relation, *(str(number) for number in row or ())]
    return ":".join(numbers)


def find(
    lake: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    sync: SyncConfig,
    gate: ConsentGate,
    *,
    is_all: bool = False,
) -> int:
    """Fill ``work.existing``, ``work.refused_people``, ``work.refused_addresses`` and
    ``work.withdrawn``.

    Returns the number of rows in the last one. A sync of the mode ``delete`` has none: its rows are
    removals. is_all: every row is withdrawn, because the sync ends.
    """
    gate.refresh(is_for_removal=True)
    work.attach(lake)
    people, addresses = gate.refused()
    work.put_values(lake, "refused_people", people)
    work.put_values(lake, "refused_addresses", addresses)
    _add_suppressed(lake, sync)
    _add_former_ids(lake)
    work.put(lake, "existing", destination_rows.of(ledger, sync.name))
    conditions = ["true"] if is_all else _conditions(lake, sync)
    found = "false" if sync.mode == "delete" else " or ".join(conditions)
    lake.execute(
        f"create or replace table work.withdrawn as select * from work.existing as h where {found}"
    )
    return work.count(lake, "withdrawn")


def rows(lake: duckdb.DuckDBPyConnection) -> Iterator[list[Row]]:
    """The removals, some thousands at a time, in the ledger's own order."""
    cursor = lake.cursor()
    cursor.execute(
        "select row_key, profile_id, identity, ledger_key, destination_id, identifiers"
        " from work.withdrawn order by ledger_key"
    )
    while chunk := cursor.fetchmany(CHUNK):
        yield [
            Row(
                Operation.remove, key, profile_id, identity, ledger_key, "", {}, their_id,
                identifiers=identifiers,
            )
            for key, profile_id, identity, ledger_key, their_id, identifiers in chunk
        ]  # fmt: skip


def sharing_an_identity(lake: duckdb.DuckDBPyConnection) -> list[str]:
    """Ledger keys of other rows with a withdrawn identity: the new file does not contain them.

    They are unconfirmed from now on, so that the plan sends them again.
    """
    lake.execute(
        "create or replace table work.sharing as select ledger_key from work.existing"
        " where identity in (select identity from work.withdrawn)"
        " and ledger_key not in (select ledger_key from work.withdrawn)"
    )
    lake.execute(
        "update work.existing set payload_hash = null where ledger_key in (select ledger_key from"
        " work.sharing)"
    )
    return [
        ledger_key
        for (ledger_key,) in lake.execute("select ledger_key from work.sharing").fetchall()
    ]


def leave_to_the_plan(lake: duckdb.DuckDBPyConnection) -> None:
    """Have the plan remove what could not be withdrawn by itself."""
    lake.execute("delete from work.withdrawn")


def is_address(sync: SyncConfig) -> bool:
    """Whether the key that the ledger knows a row by is the address that consent is asked for."""
    return sync.address is not None and sync.key == sync.address_column


def refused_profile(column: str) -> str:
    """SQL: whether the profile_id in the column is of a profile that must not be reached."""
    return f"{column} in (select value from work.refused_people)"


def _conditions(lake: duckdb.DuckDBPyConnection, sync: SyncConfig) -> list[str]:
    conditions = [refused_profile("h.profile_id")]
    if sync.address and is_address(sync):
        _find_refused_identities(lake, sync.address)
        conditions.append("h.identity in (select value from work.refused_identities)")
    elif sync.address and _exist(lake, "identity.id_mapping_scd", "identity.identifier_mapping"):
        # The profile is deleted or was split: of its addresses at the time, one must not be reached
        # any more.
        conditions.append(
            "h.profile_id in (select profile_id from lake.identity.id_mapping_scd"
            f" where identifier_type = '{sync.address}' and identifier in (select value from"
            " work.refused_addresses) and profile_id not in (select profile_id from"
            " lake.identity.identifier_mapping))"
        )
    return conditions


def _find_refused_identities(lake: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Fill ``work.refused_identities``: addresses of the ledger whose normal form must not be
    reached.
    """
    lake.execute(
        "create or replace table work.refused_identities as select distinct identity as value from"
        " work.existing where identity in (select value from work.refused_addresses)"
    )
    refused = {
        value for (value,) in lake.execute("select value from work.refused_addresses").fetchall()
    }
    if not refused:
        return
    # An earlier version may have sent another form than the normal one. Most rows are seen to have
    # it at a glance.
    odd = lake.execute(
        "select distinct identity from work.existing where not regexp_full_match(identity, ?)",
        [_NORMAL[kind]],
    ).fetchall()
    found = [(identity,) for (identity,) in odd if identifiers.normal(kind, identity) in refused]
    if found:
        lake.executemany("insert into work.refused_identities values (?)", found)


def _add_suppressed(lake: duckdb.DuckDBPyConnection, sync: SyncConfig) -> None:
    """What the audiences leave out as suppressed, bounced addresses among it."""
    if not _exist(lake, "audiences.suppressed_contacts"):
        return
    chosen = (
        "select identifier from lake.audiences.suppressed_contacts where list_contains($channels,"
        " channel)"
    )
    for name, kind in (("refused_people", "profile_id"), ("refused_addresses", sync.address)):
        words = {"channels": list(sync.suppressing_channels), "kind": kind}
        lake.execute(f"insert into work.{name} {chosen} and identifier_type = $kind", words)


def _add_former_ids(lake: duckdb.DuckDBPyConnection) -> None:
    """What was sent under an id that has since been merged into another person's is that
    person's.
    """
    if _exist(lake, "identity.profile_resolution"):
        lake.execute(
            "insert into work.refused_people select profile_id from"
            " lake.identity.profile_resolution where current_profile_id in (select value from"
            " work.refused_people)"
        )


def _exist(lake: duckdb.DuckDBPyConnection, *relations: str) -> bool:
    return all(warehouse.relation_exists(lake, relation) for relation in relations)
