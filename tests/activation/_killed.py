"""A server that forks one life of the engine for each line it reads; a test kills lives when it
chooses.

Modules are imported and the lake is attached once, before the forks, so that a life begins at once.
A line is the sync's name and, with a number after it, the transaction of the ledger at which the
life ends itself: a negative one right before its commit, a positive one right after.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd  # DuckDB would import it in every life

from activation import client, consent_policy, engine
from activation.ledger.database import Ledger
from segmentry import configuration, sync_files, warehouse
from segmentry.errors import SegmentryError
from segmentry.settings import Settings


def main(config: str) -> None:
    client.FIRST_WAIT = 0.001
    settings = replace(Settings.from_environment(), config=Path(config))
    lake = _attached(settings)
    configuration.load_file = cache(configuration.load_file)  # type: ignore[assignment]
    sync_files.load(settings)
    assert pd.__version__
    consent_policy.load(settings)
    for line in sys.stdin:
        name, _, transaction = line.strip().partition(" ")
        pid = os.fork()
        if pid == 0:
            _live(settings, lake, name, int(transaction or 0))
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print("killed" if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status), flush=True)


def _attached(settings: Settings) -> duckdb.DuckDBPyConnection:
    lake = duckdb.connect(":memory:", config={**warehouse.lake_config(settings), "threads": 1})
    lake.execute("set TimeZone='UTC'")
    lake.execute(warehouse.attach_statement(settings, read_only=True))
    lake.execute("select max(as_of) from lake.observability.clock").fetchall()
    return lake


def _live(settings: Settings, lake: duckdb.DuckDBPyConnection, name: str, transaction: int) -> None:
    @contextmanager
    def inherited(*_: Any, **__: Any) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = lake.cursor()
        cursor.execute("use lake")
        yield cursor

    warehouse.connect = inherited
    if transaction:
        _die_at(transaction)
    try:
        engine.run_sync(settings, name, release=["removals", "empty"])
    except SegmentryError:
        os._exit(1)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(99)
    os._exit(0)


def _die_at(transaction: int) -> None:
    real = Ledger.begin
    seen = 0

    @contextmanager
    def counted(self: Ledger) -> Iterator[Any]:
        nonlocal seen
        seen += 1
        with real(self) as connection:
            yield connection
            if seen == -transaction:
                os.kill(os.getpid(), signal.SIGKILL)
        if seen == transaction:
            os.kill(os.getpid(), signal.SIGKILL)

    Ledger.begin = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    main(sys.argv[1])
