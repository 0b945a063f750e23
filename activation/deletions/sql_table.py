"""A table of another database: the rows are deleted."""

from __future__ import annotations

from activation.deletion import Removal


class TableRemoval(Removal):
    """Rows by the key of the sync."""

    batch_rows = 1_000


DELETION = TableRemoval()
