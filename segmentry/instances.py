"""DuckDB instances that a process keeps open, so that it attaches a lake once and not for each
question. Only ``warehouse`` calls this.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb

# A gate asks two: the lake at its snapshot and the lake of now. Each more costs memory and open
# files.
MOST_IDLE = 3


@dataclass
class _Instance:
    connection: duckdb.DuckDBPyConnection
    users: int = 0


_instances: OrderedDict[Hashable, _Instance] = OrderedDict()
# What a forked child has of its parent: it can neither use nor close it, for it has no threads.
_inherited: list[_Instance] = []
_lock = threading.RLock()


@contextmanager
def cursor(
    key: Hashable, opened: Callable[[], duckdb.DuckDBPyConnection]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own to the instance with this key, which is opened where there is none.

    Temporary tables, registered frames and transactions are the cursor's own, and end with it.
    Attached databases, functions and the settings of the instance are shared.
    """
    with _lock:
        instance = _instances.get(key)
        if instance is None:
            instance = _instances[key] = _Instance(opened())
        _instances.move_to_end(key)
        connection = instance.connection.cursor()
        instance.users += 1
    try:
        yield connection
    finally:
        with _lock:
            connection.close()
            instance.users -= 1
            close_idle(MOST_IDLE)


def close_idle(most: int = 0) -> None:
    """Close instances that nobody uses, the longest unused first, until at most so many are
    left.
    """
    with _lock:
        idle = [key for key, instance in _instances.items() if not instance.users]
        for key in idle[: max(0, len(idle) - most)]:
            _instances.pop(key).connection.close()


def _begin_as_child() -> None:
    global _lock
    _lock = threading.RLock()
    _inherited.extend(_instances.values())
    _instances.clear()


# DuckDB's threads do not survive a fork, so nothing that is idle is taken along.
os.register_at_fork(before=close_idle, after_in_child=_begin_as_child)
atexit.register(close_idle)
