"""Every place that rows were ever written to, former places and those of retired syncs among them:
people who are erased are deleted there too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activation import places
from activation.ledger import tables as t
from activation.ledger.database import Ledger, now
from activation.places import WrittenPlace
from segmentry.sync_config import SyncConfig, parsed

# What names the place of a configuration in a ledger of before places were recorded.
_NAMING = ("destination", "connection", "options", "key")


@dataclass(frozen=True)
class Written:
    """One place of one sync. name: the sync's present name, for its records; sync: what its rows
    were sent with; place: None where an older version sent them; is_present: rows may be there now.
    """

    place_id: str
    name: str
    sync: SyncConfig
    place: WrittenPlace | None
    is_present: bool


def remember(ledger: Ledger, c: sa.Connection, name: str) -> None:
    """Keep the place that the sync has now, before another one is recorded for it."""
    config = t.sync_configs
    row = c.execute(sa.select(config).where(config.c.sync == name)).first()
    if row is None:
        return
    kept = {
        "place_id": _place_id(row),
        "sync": name,
        "content": row.content,
        "place": row.place,
        "left_at": now(),
    }
    ledger.upsert(c, t.written_places, [kept])


def of(ledger: Ledger) -> Iterator[Written]:
    """Every place, each once for each sync; the present ones first."""
    with ledger.begin() as c:
        now_there = c.execute(sa.select(t.sync_configs).order_by(t.sync_configs.c.sync)).all()
        left = c.execute(sa.select(t.written_places).order_by(t.written_places.c.place_id)).all()
    seen: set[str] = set()
    for row in (*now_there, *left):
        place_id = _place_id(row)
        if place_id not in seen:
            seen.add(place_id)
            yield _written(place_id, row, is_present=row in now_there)


def _written(place_id: str, row: Any, *, is_present: bool) -> Written:
    content = json.loads(row.content)
    known = str(content.get("name", row.sync))
    sync = parsed(known, content, Path(f"the deployed configuration of {known}"))
    place = None if row.place is None else places.from_json(row.place)
    return Written(place_id, row.sync, sync, place, is_present)


def _place_id(row: Any) -> str:
    content = json.loads(row.content)
    named = row.place or json.dumps({one: content.get(one) for one in _NAMING}, sort_keys=True)
    known = content.get("renamed_from") or content.get("name", row.sync)
    return hashlib.sha256(f"{known}\n{named}".encode()).hexdigest()[:16]
