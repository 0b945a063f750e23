"""Redis: the person's hash is unlinked."""

from __future__ import annotations

from activation.deletion import Removal


class RedisRemoval(Removal):
    """Rows by the key of the sync."""

    batch_rows = 1_000


DELETION = RedisRemoval()
