"""The plan of a sync: the rows of its audience against the rows that the destination has by the
ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from activation import changes, definitions, news, pace, replacements, withdrawals, work
from activation.consent import ConsentGate
from activation.ledger import dead_letters
from activation.ledger.database import Ledger, now
from activation.model import Operation, Row
from activation.row_table import RowTable
from segmentry import row_profile, tables, warehouse
from segmentry.errors import NotReadyError
from segmentry.sync_config import SyncConfig


@dataclass
class Standing:
    """What is known of consent before a plan is made.

    mark: a hash of the tables that name who must not be reached. withdrawn: withdrawals found, None
    before the search. is_settled: no withdrawal is left. is_moving: the rows of the ledger are at a
    former place and are removed there; the plan is that of the new one.
    """

    mark: str
    withdrawn: int | None = None
    is_settled: bool = True
    is_moving: bool = False


@dataclass
class SyncPlan:
    """What would be done. The rows stay in DuckDB, in the relation ``work.plan``; here are their
    numbers.

    withdrawn: rows of people who must not be reached any more. They are removed first, and no other
    number counts them. left_behind: rows at a former place, which are removed there by
    former_requests, that take former_minutes. replaced: rows
    whose identifiers changed, each counted as a removal and an addition. again: updates of rows
    whose last call may or may not have arrived. kept: rows that leave the
    sync and stay at the place, where another sync has them too.
    """

    sync: SyncConfig
    snapshot: int
    wanted: int
    existing: int
    counts: Counter[str]
    fingerprint: str
    is_resync: bool = False
    is_first_run: bool = False
    refused: int = 0
    withdrawn: int = 0
    left_behind: int = 0
    former_requests: int = 0
    former_minutes: float = 0.0
    replaced: int = 0
    again: int = 0
    kept: int = 0
    digest: str = ""
    has_waiting: bool = False
    coverage: float | None = None
    coverage_before: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not any(self.counts.values()) and not self.kept


def audience(sync: SyncConfig, snapshot: int) -> str:
    """The sync's audience as it was at a snapshot of the lake; of a live one, what ``news`` put."""
    if sync.is_live:
        return "(select * from work.news)"
    return f"(select * from lake.audiences.aud_{sync.name} at (version => {snapshot}))"


def snapshot_to_read(lake: duckdb.DuckDBPyConnection, sync: SyncConfig) -> int:
    """The newest snapshot whose audiences passed their gate; the newest of all if no gate has
    run.
    """
    warehouse.require(lake, f"audiences.aud_{sync.name}", made_by="audiences")
    if warehouse.relation_exists(lake, "observability.published"):
        row = lake.execute(
            "select max(snapshot_id) from observability.published where room = 'audiences' and"
            " snapshot_id is not null"
        ).fetchone()
        if row and row[0] is not None:
            return int(row[0])
    return warehouse.current_snapshot(lake)


def make(
    lake: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    sync: SyncConfig,
    gate: ConsentGate,
    state: Mapping[str, Any],
    standing: Standing | None = None,
    *,
    is_digested: bool = True,
) -> SyncPlan:
    """Compare the audience with the ledger, withdrawals left out; fills the relation ``work.plan``.

    standing: what ``withdrawals`` has found for this run already. is_digested: find the digest of
    the plan, which takes as long as the plan of many rows.
    """
    standing = standing or Standing(withdrawals.mark(lake))
    snapshot = snapshot_to_read(lake, sync)
    news.ensure(lake, sync, snapshot)
    fingerprint = f"{_fingerprint(lake, sync, snapshot)}:{standing.mark}"
    is_resync = state["config_hash"] not in (None, sync.config_hash)
    if not is_resync and fingerprint == state["fingerprint"]:
        existing = int(fingerprint.partition(":")[0])
        notes = definitions.warning(sync, definitions.differences(lake, sync, snapshot))
        return SyncPlan(sync, snapshot, existing, existing, Counter(), fingerprint, notes=notes)
    if standing.withdrawn is None:
        standing.withdrawn = withdrawals.find(lake, ledger, sync, gate)
    _load_wanted(lake, sync, snapshot)
    refused = 0 if sync.mode == "delete" else _drop_refused(lake, sync)
    lake.execute(
        "delete from work.existing where ledger_key in (select ledger_key from work.withdrawn)"
    )
    work.put(lake, "dead", dead_letters.of(ledger, sync.name))
    if standing.is_moving:
        lake.execute("delete from work.existing; delete from work.dead")
    lake.execute(f"create or replace table work.plan as {_plan_sql(sync, is_resync)}")
    waiting = pace.drop_waiting_rows(lake, ledger, sync, now())
    replaced = replacements.plan(lake, sync, audience(sync, snapshot))
    sizes = (work.count(lake, "wanted"), work.count(lake, "existing"))
    plan = SyncPlan(
        sync, snapshot, *sizes, _count_operations(lake), fingerprint, is_resync,
        refused=refused, replaced=replaced, again=work.count_again(lake),
        is_first_run=state["config_hash"] is None, withdrawn=standing.withdrawn,
    )  # fmt: skip
    plan.digest = _digest(lake) if is_digested else ""
    plan.has_waiting = bool(waiting)
    plan.notes += [*waiting, *replacements.note(replaced)]
    plan.notes += definitions.warning(sync, definitions.differences(lake, sync, snapshot))
    if is_resync:
        plan.notes.append(definitions.resync_note(sync, plan.wanted, plan.existing))
    return plan


def _count_operations(lake: duckdb.DuckDBPyConnection) -> Counter[str]:
    counted = lake.execute("select operation, count(*) from work.plan group by 1").fetchall()
    return Counter({name: int(number) for name, number in counted})


def rows(
    lake: duckdb.DuckDBPyConnection, plan: SyncPlan, returning: Collection[str] = ()
) -> Iterator[Sequence[Row]]:
    """The plan's rows, some thousands at a time, removals first; in columns where that is possible.

    returning: row_keys that this sync removed earlier.
    """
    names = [column.name for column in plan.sync.columns]
    selected = ", ".join(f'a."{name}"' for name in names)
    identifiers_of = _identifiers_of(plan.sync, names)
    changed_of, former_hash, joined = _changed_of(plan)
    identifies = replacements.identify_by(plan.sync) is not None
    is_simple = not (identifies or returning or joined)
    cursor = lake.cursor()
    cursor.execute("use lake")
    cursor.execute(
        "select p.operation, p.row_key, p.profile_id, p.identity, p.ledger_key, p.payload_hash,"
        f" p.destination_id, p.identifiers, {former_hash}, "
        # The key alone joins them: with a condition more, every pair is compared.
        f"{selected} from work.plan p left join {audience(plan.sync, plan.snapshot)} a on p.row_key"
        f" = a.row_key{joined}"
        # The ledger's own order, so that it is written from its beginning to its end and not all
        # over.
        " order by p.operation <> 'remove', p.ledger_key, p.row_key"
    )
    for columns in _columns(cursor):
        if is_simple and columns[0][0] != "remove":
            operations = [*map(OPERATIONS.__getitem__, columns[0])]
            values = dict(zip(names, columns[9:], strict=True))
            yield RowTable(values, operations, *columns[1:7])
            continue
        yield [
            Row(
                OPERATIONS[operation], key, profile_id, identity, ledger_key, payload_hash,
                {} if operation == "remove" else dict(zip(names, values, strict=True)),
                their_id, key in returning, identifiers_of(operation, former, values),
                changed_of(before, payload_hash),
            )
            for operation, key, profile_id, identity, ledger_key, payload_hash, their_id,
                former, before, *values in zip(*columns, strict=True)
        ]  # fmt: skip


Changed = Callable[[str | None, str], frozenset[str] | None]


def _changed_of(plan: SyncPlan) -> tuple[Changed, str, str]:
    """What gives the changed columns of a row, and SQL of the former hash and of its join."""
    if plan.is_resync or not changes.are_sent(plan.sync):
        return lambda former, present: None, "null", ""
    joined = " left join work.existing e on e.ledger_key = p.ledger_key"
    return changes.columns, "e.payload_hash", joined


def _identifiers_of(
    sync: SyncConfig, names: Sequence[str]
) -> Callable[[str, str | None, Sequence[Any]], str | None]:
    """The identifiers of a row of the plan: of an ordinary removal those that were sent, else those
    of its values.
    """
    identify = replacements.identify_by(sync)

    def found(operation: str, former: str | None, values: Sequence[Any]) -> str | None:
        if operation == "remove" and (identify is None or sync.mode != "delete"):
            return former
        return None if identify is None else identify(dict(zip(names, values, strict=True)))

    return found


def wanted_rows(lake: duckdb.DuckDBPyConnection, plan: SyncPlan) -> Iterator[list[Row]]:
    """Every wanted row, some thousands at a time, for destinations that take the whole audience."""
    names = [column.name for column in plan.sync.columns]
    selected = ", ".join(f'a."{name}"' for name in names)
    cursor = lake.cursor()
    cursor.execute("use lake")
    cursor.execute(
        f"select w.row_key, w.profile_id, w.identity, w.ledger_key, w.payload_hash, {selected}"
        " from work.wanted w"
        f" join {audience(plan.sync, plan.snapshot)} a on w.row_key = a.row_key order by w.row_key"
    )
    for chunk in _chunks(cursor):
        yield [
            Row(
                Operation.add,
                key,
                profile_id,
                identity,
                ledger_key,
                payload_hash,
                dict(zip(names, values, strict=True)),
            )
            for key, profile_id, identity, ledger_key, payload_hash, *values in chunk
        ]


_ADDED = "operation <> 'remove' and ledger_key not in (select ledger_key from work.existing)"


def additions(lake: duckdb.DuckDBPyConnection) -> int:
    """How many rows of ``work.plan`` are of people who are not at the destination, whatever the
    mode calls it.
    """
    row = lake.execute(f"select count(*) from work.plan where {_ADDED}").fetchone()
    return int(row[0]) if row else 0


def drop_additions(lake: duckdb.DuckDBPyConnection, plan: SyncPlan) -> None:
    """Take those rows out of the plan; the next run plans them again."""
    lake.execute(f"delete from work.plan where {_ADDED}")
    plan.counts = _count_operations(lake)
    plan.has_waiting = True


OPERATIONS = {operation.value: operation for operation in Operation}
CHUNK = 5_000  # rows at a time; more take memory, fewer take time


def _chunks(cursor: duckdb.DuckDBPyConnection) -> Iterator[Iterable[tuple[Any, ...]]]:
    return (zip(*columns, strict=True) for columns in _columns(cursor))


def _columns(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[list[Any]]]:
    """The rows' columns; one that repeats another (the key is the address) is converted once."""
    for batch in cursor.to_arrow_reader(CHUNK):
        converted: list[tuple[Any, list[Any]]] = []
        for column in batch.columns:
            earlier = [values for other, values in converted if other.equals(column)]
            converted.append((column, earlier[0] if earlier else column.to_pylist()))
        yield [found for _, found in converted]


def _fingerprint(lake: duckdb.DuckDBPyConnection, sync: SyncConfig, snapshot: int) -> str:
    """A number of the audience that does not depend on the rows' order."""
    try:
        row = lake.execute(
            f"select count(*), coalesce(bit_xor(hash(t)), 0) from {audience(sync, snapshot)} t"
        ).fetchone()
    except duckdb.CatalogException:
        raise _invalid_audience(sync) from None
    return ":".join(str(number) for number in row or ())


def _load_wanted(lake: duckdb.DuckDBPyConnection, sync: SyncConfig, snapshot: int) -> None:
    identity = (
        f'lower(trim("{sync.key}"))' if sync.is_keyed_by_email else f'cast("{sync.key}" as varchar)'
    )
    ledger_key = identity if sync.grain == "profile" else "row_key"
    try:
        source = audience(sync, snapshot)
        profile_id = row_profile.sql(tables.column_names(lake, source))
        lake.execute(
            f"create or replace table work.wanted as select row_key, {profile_id} as profile_id,"
            f" {identity} as identity, {ledger_key} as ledger_key,"
            f" {changes.hash_sql(sync)} as payload_hash from {source}"
        )
    except (duckdb.BinderException, duckdb.CatalogException):
        raise _invalid_audience(sync) from None


def _invalid_audience(sync: SyncConfig) -> NotReadyError:
    return NotReadyError(
        f"the published audience of '{sync.name}' does not have the columns of {sync.path}",
        allowed="an audience built from the present configuration, that passed its gate",
        remedy="run `segmentry run --select audiences+`",
    )


def _drop_refused(lake: duckdb.DuckDBPyConnection, sync: SyncConfig) -> int:
    """Drop the wanted rows of profiles that opted out since the audience was built."""
    refused = withdrawals.refused_profile("profile_id")
    if withdrawals.is_address(sync):
        refused += " or identity in (select value from work.refused_addresses)"
    row = lake.execute(f"delete from work.wanted where {refused}").fetchone()
    return int(row[0]) if row else 0


def _plan_sql(sync: SyncConfig, is_resync: bool) -> str:
    if sync.mode == "delete":
        return _DELETIONS
    # Withdrawals are no part of the plan: of the others, a mirror alone removes those who left.
    removals = "true" if sync.mode == "mirror" else "false"
    # A row whose last call may or may not have arrived has no hash, and is sent again whatever the
    # mode. After a change of the mapping or the destination, every row is sent.
    updates = "true" if is_resync else changes.differ_sql(sync, "w.payload_hash", "h.payload_hash")
    if sync.mode in ("insert", "append"):
        updates = "h.payload_hash is null"
    # In the mode ``update`` the destination has the profile already: the first call is an update.
    first = "update" if sync.mode == "update" else "add"
    alive = (
        "not exists (select 1 from work.dead d where d.row_key = w.row_key and d.payload_hash ="
        " w.payload_hash)"
    )
    if is_resync:
        alive = "true"
    return f"""
        select 'remove' as operation, h.row_key, h.profile_id, h.identity, h.ledger_key,
            '' as payload_hash, h.destination_id, h.identifiers
        from work.existing h anti join work.wanted w on h.ledger_key = w.ledger_key
        where {removals}
        union all
        select '{first}', w.row_key, w.profile_id, w.identity, w.ledger_key, w.payload_hash, null,
            null
        from work.wanted w anti join work.existing h on h.ledger_key = w.ledger_key
        where {alive}
        union all
        select 'update', w.row_key, w.profile_id, w.identity, w.ledger_key, w.payload_hash,
            h.destination_id, h.identifiers
        from work.wanted w join work.existing h on h.ledger_key = w.ledger_key
        where {updates} and {alive}
    """


# The rows of the audience whose removal is not confirmed.
_DELETIONS = """
    select 'remove' as operation, w.row_key, w.profile_id, w.identity, w.ledger_key,
        '' as payload_hash, h.destination_id, h.identifiers
    from work.wanted w
    left join work.existing h on w.ledger_key = h.ledger_key and h.payload_hash is not null
    where h.ledger_key is null
"""


def _digest(lake: duckdb.DuckDBPyConnection) -> str:
    row = lake.execute("""
        with marks as (
            select md5(concat_ws('|', operation, row_key, ledger_key, payload_hash)) as mark
            from work.plan
        ),
        parts as (select md5(string_agg(mark, '' order by mark)) as part from marks
            group by substr(mark, 1, 2))
        select md5(string_agg(part, ',' order by part)) from parts
        """).fetchone()
    return str(row[0]) if row and row[0] else "empty"
