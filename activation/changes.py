"""Which columns of a row differ from what a destination has, by hashes that the ledger keeps.

It is for destinations that charge for each value (``sends_changes``). Their payload hash is that of
the whole row, a colon, and a short hash for each column, by its name: so the ledger needs no column
more, and a row that is unconfirmed, or sent by an older version, has none and is sent whole.
"""

from __future__ import annotations

from activation import destination as destinations
from segmentry.sync_config import SyncConfig

_WHOLE = 32  # hex digits of the hash of the whole row
_EACH = 12  # of one column: a changed value goes unnoticed once in 2**48


def are_sent(sync: SyncConfig) -> bool:
    """Whether the sync's destination gets of an update what has changed alone."""
    found = destinations.all_destinations().get(sync.destination)
    return found is not None and found.sends_changes


def hash_sql(sync: SyncConfig) -> str:
    """SQL of the payload hash of a row of the audience."""
    packed = ", ".join(f'"{column.name}" := "{column.name}"' for column in sync.columns)
    whole = f"md5(cast(to_json(struct_pack({packed})) as varchar))"
    if not are_sent(sync):
        return whole
    each = ", ',', ".join(
        f"'{name}=', substr(md5(coalesce(cast(to_json(\"{name}\") as varchar), '')), 1, {_EACH})"
        for name in (column.name for column in sync.columns)
    )
    return f"concat({whole}, ':', {each})"


def differ_sql(sync: SyncConfig, present: str, former: str) -> str:
    """SQL of whether two payload hashes are of different rows. NULL is different from any."""
    if are_sent(sync):
        present = f"substr({present}, 1, {_WHOLE})"
        former = f"substr({former}, 1, {_WHOLE})"
    return f"{present} is distinct from {former}"


def columns(former: str | None, present: str) -> frozenset[str] | None:
    """Names of the columns that differ between two payload hashes; None where it is not known."""
    if former is None or ":" not in former:
        return None
    before = set(_parts(former))
    return frozenset(part.partition("=")[0] for part in _parts(present) if part not in before)


def _parts(payload_hash: str) -> list[str]:
    return payload_hash.partition(":")[2].split(",")
