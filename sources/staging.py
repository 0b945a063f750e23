"""Decides what of the staging layer a run must build: what has new records, or all of it when its
SQL has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from segmentry import dbt, freshness, money, warehouse
from segmentry.errors import SegmentryError
from segmentry.settings import Settings
from segmentry.stages import StageReport
from sources import landing

# Batches that a finished build of the layer has taken in, each under the fingerprint of the SQL
# that did.
BUILT = "staging._built"
# Marks a batch that is built and not landed: then the source is built in full.
AGAIN = "(again)"
LAYER = "path:models/staging"
BALANCE = ("staging.landing_balance", "staging.quarantine")
_FOLDERS = ("models/staging", "macros/staging", "macros/portable")


@dataclass(frozen=True)
class StagingPlan:
    """What to build: nothing when select is empty. batches: (raw table, batch) that the build takes
    in.

    removed: those that an earlier build took in and that are not landed any more.
    """

    select: str
    is_full_refresh: bool
    fingerprint: str
    batches: frozenset[tuple[str, str]]
    removed: frozenset[tuple[str, str]] = frozenset()


def build(settings: Settings, tables: Sequence[str]) -> StageReport:
    """Bring staging up to what is landed, and check the balance; without new records only the
    balance is checked.

    The mark of what is built is written last: a run that dies before it is done again, to the same
    result.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        plan = make_plan(lake, settings.dbt_project, tables)
    built = {}
    if plan.is_full_refresh:
        with warehouse.connect(settings) as lake:
            # What is accepted of an event may be another record then, which marts would not see by
            # its id.
            freshness.forget(lake, "marts")
    if plan.select:
        built = dict(dbt.build(settings, plan.select, full_refresh=plan.is_full_refresh).rows)
        with warehouse.connect(settings) as lake:
            _mark(lake, plan)
    with warehouse.connect(settings, read_only=True) as lake:
        require_balance(lake, tables)
        rows = {**built, **{relation: warehouse.count(lake, relation) for relation in BALANCE}}
    return StageReport(rows=rows, notes=[] if plan.batches else ["no new records"])


def ask_again(lake: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Have the next build judge these raw tables in full: for a batch that has left, or rules that
    have changed.
    """
    if not warehouse.relation_exists(lake, BUILT):
        return
    for table in tables:
        lake.execute(
            f"insert into lake.{BUILT} select fingerprint, ?, ? from lake.{BUILT} limit 1",
            [table, AGAIN],
        )


def require_balance(lake: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Raise unless each landed record is accepted, quarantined or a duplicate: counted in raw as it
    now is.
    """
    counts = " union all ".join(
        "select _source as source, _batch_id as batch_id, count(*) as records from"
        f' lake.raw."{table}" group by all'
        for table in tables
    )
    lost = lake.execute(
        f"with counted as ({counts}) select source, count(*) from counted full outer join"
        " lake.staging.landing_balance as balance using (source, batch_id) where records is"
        " distinct from accepted + quarantined + duplicates group by source order by source"
    ).fetchall()
    if lost:
        raise SegmentryError(
            "records are not accounted for in "
            + ", ".join(f"{count} load(s) of {source}" for source, count in lost),
            allowed="landed = accepted + quarantined + duplicates for every load",
            remedy="compare staging.landing_balance with raw, and fix the source's base model",
        )


def make_plan(lake: duckdb.DuckDBPyConnection, project: Path, tables: Iterable[str]) -> StagingPlan:
    """Compare what is landed with what is built, and the layer's SQL with that which built it."""
    fingerprint = _fingerprint(project)
    landed = frozenset(landing.batches(lake, tables))
    if not warehouse.relation_exists(lake, BUILT):
        return StagingPlan(LAYER, False, fingerprint, landed)
    rows = lake.execute(f"select fingerprint, source, batch_id from lake.{BUILT}").fetchall()
    if {row[0] for row in rows} != {fingerprint}:
        return StagingPlan(LAYER, True, fingerprint, landed)
    built = {(row[1], row[2]) for row in rows if row[2]}
    new = landed - built
    removed = frozenset(built - landed)
    if removed:
        changed = sorted({source for source, _ in new | removed})
        return StagingPlan(
            " ".join(f"base_{source}+,{LAYER}" for source in changed),
            True,
            fingerprint,
            new,
            removed,
        )
    if _is_out_of_order(lake, new, built):
        return StagingPlan(LAYER, True, fingerprint, landed)
    selected = [f"base_{source}+,{LAYER}" for source in sorted({source for source, _ in new})]
    if money.is_stale(lake):
        selected.append(f"reporting_currency+,{LAYER}")
    return StagingPlan(" ".join(selected), False, fingerprint, new)


def _is_out_of_order(
    lake: duckdb.DuckDBPyConnection,
    new: Iterable[tuple[str, str]],
    built: Iterable[tuple[str, str]],
) -> bool:
    """Whether a new batch landed, by its own time, before one that is built: then its records come
    first of their key.
    """
    landed_at = landing.times(lake)
    newest: dict[str, datetime] = {}
    for batch in built:
        if (at := landed_at.get(batch[1])) is not None:
            newest[batch[0]] = max(at, newest.get(batch[0], at))
    return any(
        batch in landed_at and landed_at[batch] < newest.get(table, datetime.min)
        for table, batch in new
    )


def _fingerprint(project: Path) -> str:
    digest = hashlib.sha256()
    for folder in _FOLDERS:
        for path in sorted((project / folder).rglob("*.sql")):
            digest.update(f"{path.relative_to(project)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _mark(lake: duckdb.DuckDBPyConnection, plan: StagingPlan) -> None:
    lake.execute("begin")
    lake.execute(
        f"create table if not exists lake.{BUILT} (fingerprint varchar, source varchar, batch_id"
        " varchar)"
    )
    lake.execute(f"delete from lake.{BUILT} where fingerprint <> ?", [plan.fingerprint])
    for batch in sorted(plan.removed):
        lake.execute(f"delete from lake.{BUILT} where source = ? and batch_id = ?", list(batch))
    # The row without a batch records that the layer is built even if nothing is landed.
    batches = sorted(plan.batches) or [("", "")]
    lake.executemany(
        f"insert into lake.{BUILT} values (?, ?, ?)",
        [[plan.fingerprint, *batch] for batch in batches],
    )
    lake.execute("commit")
