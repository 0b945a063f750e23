"""The rows of a sync that was renamed: those of its former name become its own.

Its file states the former name under ``renamed_from``. Every command that reads or sends a sync
settles it first.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activation.ledger import runs
from activation.ledger import tables as t
from activation.ledger.database import Ledger
from segmentry.sync_config import SyncConfig, parsed

_ROWS = (t.destination_rows, t.intents)
# Places keep the configuration by which the destination knows the sync.
_MOVED = (*_ROWS, t.written_places)
_RECORDS = (t.sync_runs, t.changes, t.dead_letters, t.reviews, t.sync_measures)


def settle(ledger: Ledger, sync: SyncConfig) -> None:
    """Give the sync the rows and the records of its former name, if it has one.

    Nothing happens while another process runs one of both, or if both names have rows: then the
    former one is orphaned.
    """
    former = sync.renamed_from
    if former is None:
        return
    with ledger.begin() as c:
        config = _config(c, former)
        if not (config or _has_rows(c, former)) or _has_rows(c, sync.name):
            return
        if runs.is_taken(c, former) or runs.is_taken(c, sync.name):
            return
        for table in (*_RECORDS, t.sync_configs, t.sync_states):
            _clear(c, table, sync.name, former)
        for table in (*_MOVED, *_RECORDS, t.sync_states):
            c.execute(sa.update(table).where(table.c.sync == former).values(sync=sync.name))
        if config is None:
            return
        content = parsed(former, json.loads(config.content), Path(former)).recorded_under(sync.name)
        c.execute(
            sa.update(t.sync_configs)
            .where(t.sync_configs.c.sync == former)
            .values(sync=sync.name, content=content)
        )


def _config(c: sa.Connection, name: str) -> Any:
    return c.execute(sa.select(t.sync_configs).where(t.sync_configs.c.sync == name)).first()


def _has_rows(c: sa.Connection, name: str) -> bool:
    found = sa.or_(*(sa.exists().where(table.c.sync == name) for table in _ROWS))
    return bool(c.execute(sa.select(found)).scalar_one())


def _clear(c: sa.Connection, table: sa.Table, name: str, former: str) -> None:
    """Delete what the new name has of its own, where the former name has it too. Runs and changes
    have keys of their own, and both stay.
    """
    if table in (t.sync_runs, t.changes):
        return
    has_former = sa.exists().where(table.c.sync == former)
    if c.execute(sa.select(has_former)).scalar_one():
        c.execute(sa.delete(table).where(table.c.sync == name))
