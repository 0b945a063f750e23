"""The profile of a row that a sync sends: a column of the audience and of the ledger names it.
Activation, the audience gate and ``segmentry profile`` read that column.
"""

from __future__ import annotations

from collections.abc import Collection

# The column of audiences. It is not ``profile_id``, because many syncs send a column of that name.
COLUMN = "row_profile_id"


def sql(columns: Collection[str], name: str = COLUMN) -> str:
    """SQL for the profile of a row of a relation with these columns.

    name: the column that names it. A relation of an older version does not have the column yet.
    """
    return name if name in columns else of_key_sql()


def of_key_sql(find: str = "strpos") -> str:
    """SQL for the profile of a row of an older version, in the database's name of ``strpos``.

    The key of such a row is the profile_id, or begins with it and a colon.
    """
    return f"substr(row_key, 1, {find}(row_key || ':', ':') - 1)"


def of_key(row_key: str) -> str:
    """The same for a key outside a database."""
    return row_key.partition(":")[0]
