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
    key: Hashable,
    opened: Callable[[], duckdb.DuckDBPyConnection],
    begin_session: Callable[[duckdb.DuckDBPyConnection], None],
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own to the instance with this key; opens the instance if none is kept.

    Temporary tables, registered frames and transactions are the cursor's own, and end with it.
    Attached databases, functions and the settings of the instance are shared. begin_session: sets
    what is the connection's own. A fatal error makes an instance refuse every later statement, so
    one on which the session cannot begin is replaced, and one with an error is not kept.
    """
    with _lock:
        instance, connection = _kept(key, begin_session) or _fresh(key, opened, begin_session)
        instance.users += 1
    try:
        yield connection
    except duckdb.Error:
        with _lock:
            _drop(key, instance)
        raise
    finally:
        with _lock:
            connection.close()
            instance.users -= 1
            if _instances.get(key) is not instance and not instance.users:
                instance.connection.close()
            close_idle(MOST_IDLE)


def _kept(
    key: Hashable, begin_session: Callable[[duckdb.DuckDBPyConnection], None]
) -> tuple[_Instance, duckdb.DuckDBPyConnection] | None:
    if (instance := _instances.get(key)) is None:
        return None
    try:
        connection = instance.connection.cursor()
        begin_session(connection)
    except duckdb.Error:
        _drop(key, instance)
        return None
    _instances.move_to_end(key)
    return instance, connection


def _fresh(
    key: Hashable,
    opened: Callable[[], duckdb.DuckDBPyConnection],
    begin_session: Callable[[duckdb.DuckDBPyConnection], None],
) -> tuple[_Instance, duckdb.DuckDBPyConnection]:
    instance = _instances[key] = _Instance(opened())
    try:
        connection = instance.connection.cursor()
        begin_session(connection)
    except BaseException:
        _drop(key, instance)
        raise
    return instance, connection


def _drop(key: Hashable, instance: _Instance) -> None:
    """Give the instance to nobody else; its last user closes it."""
    if _instances.get(key) is instance:
        del _instances[key]
    if not instance.users:
        instance.connection.close()


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
