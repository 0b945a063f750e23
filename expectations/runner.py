"""Runs one gate: its suites as a Great Expectations checkpoint on one snapshot, the Data Docs, and
the record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb

from expectations import carried, context, docs, record
from expectations.record import Failure, GateVerdict
from expectations.suite import Rule, Table, View, suites
from segmentry import configuration, releases, warehouse
from segmentry.errors import GateFailed, SegmentryError
from segmentry.settings import Settings
from segmentry.stages import StageReport

DEFAULTS: dict[str, dict[str, Any]] = {
    "raw": {
        "min_records": 100,
        "max_quarantined_share": 0.5,
        "noticed_quarantined_share": 0.1,
        "released_batches": [],
        "max_faulty_share": 0.01,
        "min_faulty_rows": 25,
    },
    "features": {"max_faulty_share": 0.01, "min_faulty_rows": 25},
    "memberships": {"max_changed_share": 0.5, "min_members": 50},
}


def limits(settings: Settings) -> dict[str, Any]:
    """The policies' ``gates`` with what they leave out."""
    stated = configuration.policies(settings).get("gates") or {}
    return {
        **stated,
        **{gate: {**values, **stated.get(gate, {})} for gate, values in DEFAULTS.items()},
    }


def run(
    settings: Settings, gate: str, as_of: datetime | None, *, is_forced: bool = False
) -> StageReport:
    """Check one gate and record the verdict; GateFailed where an expectation that matters is not
    met.

    is_forced: look again even if nothing has changed since the gate passed.
    """
    with warehouse.connect(settings) as lake:
        record.ensure_tables(lake)
        snapshot = warehouse.current_snapshot(lake)
    earlier = None if is_forced else carried.verdict(settings, gate, as_of, snapshot)
    if earlier is not None:
        record.write(settings, earlier[0])
        note = f"nothing it reads has changed since it passed at snapshot {earlier[1]}"
        return StageReport(
            rows={"expectations": earlier[0].evaluated}, notes=[note], status="unchanged"
        )
    verdict = check(settings, gate, as_of, snapshot)
    record.write(settings, verdict)
    carried.keep(settings, verdict)
    if not verdict.passed:
        raise _stopped(verdict)
    notes = [
        f"{failure.severity}: {failure.relation}: {failure.expectation} ({failure.failing_rows:,}"
        " rows)"
        for failure in verdict.failures
    ]
    return StageReport(rows={"expectations": verdict.evaluated}, notes=notes)


def check(settings: Settings, gate: str, as_of: datetime | None, snapshot: int) -> GateVerdict:
    """Evaluate a gate on one snapshot without recording anything but the Data Docs."""
    tables = _tables(settings, gate, snapshot)
    verdict = GateVerdict(gate, as_of, snapshot, 0, [])
    if not tables:
        return verdict
    outcome = _run_checkpoint(settings, gate, snapshot, tables)
    results = list(outcome.run_results.values())
    failures = [f for r in results for f in _failures(settings, r, tables, gate, snapshot)]
    return replace(verdict, evaluated=sum(len(r.results) for r in results), failures=failures)


def _run_checkpoint(settings: Settings, gate: str, snapshot: int, tables: dict[str, Table]) -> Any:
    import great_expectations as gx

    with context.open_session(settings, snapshot) as session:
        definitions = [
            context.definition(session, f"{gate}.{relation}", table)
            for relation, table in tables.items()
        ]
        checkpoint = session.context.checkpoints.add_or_update(
            gx.Checkpoint(
                name=gate,
                validation_definitions=definitions,
                # Values of failing rows stay out of results and docs: they may be people's.
                result_format={
                    "result_format": "BASIC",
                    "partial_unexpected_count": 0,
                    "exclude_unexpected_values": True,
                },
            )
        )
        outcome = checkpoint.run(run_id=_run_id(gate, snapshot))
        docs.add(session.context, settings, outcome.run_results)
    return outcome


def _run_id(gate: str, snapshot: int) -> Any:
    from great_expectations.core import RunIdentifier

    return RunIdentifier(run_name=f"{gate} at snapshot {snapshot}")


def _tables(settings: Settings, gate: str, snapshot: int) -> dict[str, Table]:
    with warehouse.connect(settings, snapshot=snapshot) as lake:
        view = View(lake, settings, snapshot, limits(settings))
        found = [table for suite in suites(gate).values() for table in suite.tables(view)]
    return {table.relation: table for table in found}


def _failures(
    settings: Settings, result: Any, tables: dict[str, Table], gate: str, snapshot: int
) -> Iterator[Failure]:
    table = tables[result.suite_name.removeprefix(f"{gate}.")]
    with (
        warehouse.connect(settings, snapshot=snapshot) as lake,
        warehouse.connect(settings, read_only=True) as now,
    ):
        look = _Look(lake, gate, releases.released_keys(now, gate))
        for outcome in result.results:
            if has_raised(outcome.exception_info):
                raise SegmentryError(
                    f"the gate '{gate}' could not evaluate {outcome.expectation_config.type} on"
                    f" {table.relation}",
                    allowed="an expectation that Great Expectations can run on DuckDB",
                    remedy=(
                        "run the stage that makes the relation, as after an upgrade; if that does"
                        f" not help, correct the suite in expectations/suites/ that names"
                        f" {table.relation}"
                    ),
                )
            if not outcome.success:
                yield _failure(look, outcome, table)


def has_raised(info: Any) -> bool:
    """Whether an expectation ended with an error: its account is one mapping, or one per metric."""
    if not isinstance(info, Mapping):
        return False
    return info.get("raised_exception") is True or any(has_raised(part) for part in info.values())


@dataclass(frozen=True)
class _Look:
    """The lake at the gate's snapshot, and the keys that releases cover."""

    lake: duckdb.DuckDBPyConnection
    gate: str
    released: Mapping[releases.Rule, frozenset[str]]


def _failure(look: _Look, outcome: Any, table: Table) -> Failure:
    config = outcome.expectation_config
    text = config.description or f"{config.type} {', '.join(_about(config.kwargs))}".strip()
    rule = _rule(config, table)
    where = rule.where if rule else _where(config.type, config.kwargs)
    severity = str(config.severity or releases.CRITICAL).lower().rpartition(".")[2]
    if severity == releases.CRITICAL and not _may_be_released(look.gate, rule):
        severity = releases.ABSOLUTE
    covered = (
        look.released.get((table.relation, text), frozenset())
        if severity == releases.CRITICAL
        else frozenset()
    )
    if where is None:
        keys = [f"observed {outcome.result.get('observed_value')}"]
        failure = Failure(table.relation, text, severity, 1, keys)
        return replace(failure, severity=releases.RELEASED) if covered >= set(keys) else failure
    rows, keys = _failing_rows(look.lake, table, where, frozenset())
    failure = Failure(table.relation, text, severity, rows, keys)
    if not covered:
        return failure
    is_whole_set_covered = len(keys) > record.MOST_KEYS and keys[-1] in covered
    rest, rest_keys = _failing_rows(look.lake, table, where, covered)
    if is_whole_set_covered or not rest:
        return replace(failure, severity=releases.RELEASED)
    return replace(failure, failing_rows=rest, keys=rest_keys)


def _rule(config: Any, table: Table) -> Rule | None:
    number = (config.meta or {}).get("rule")
    return None if number is None else table.rules[number]


def _may_be_released(gate: str, rule: Rule | None) -> bool:
    if rule is None or rule.may_be_released is None:
        return gate != "audiences"
    return rule.may_be_released


def _about(kwargs: dict[str, Any]) -> Iterator[str]:
    if "column" in kwargs:
        yield str(kwargs["column"])
    yield from kwargs.get("column_list", [])


def _where(kind: str, kwargs: dict[str, Any]) -> str | None:
    """The rows against one of Great Expectations' own expectations, as a predicate."""
    if kind == "expect_column_values_to_not_be_null":
        return f"{kwargs['column']} is null"
    columns = (
        [kwargs["column"]]
        if kind == "expect_column_values_to_be_unique"
        else kwargs.get("column_list")
    )
    return (
        f"true qualify count(*) over (partition by {', '.join(columns)}) > 1" if columns else None
    )


def _failing_rows(
    lake: duckdb.DuckDBPyConnection, table: Table, where: str, covered: frozenset[str]
) -> tuple[int, list[str]]:
    """Count and keys of the failing rows that are not covered; of many keys the first, and one for
    the whole set.
    """
    rows = (
        f"select row_key from (select {table.row_key} as row_key, t.* from ({table.sql}) as t) as t"
        f" where {where}"
    )
    failing = f"select row_key from ({rows}) where not list_contains(?, row_key)"
    counts = lake.execute(
        f"select count(*), count(distinct row_key), bit_xor(hash(row_key)) from ({failing})",
        [sorted(covered)],
    ).fetchone() or (0, 0, 0)
    listed = lake.execute(
        f"select distinct row_key from ({failing}) order by 1 limit {record.MOST_KEYS}",
        [sorted(covered)],
    ).fetchall()
    keys = [str(key) for (key,) in listed]
    if counts[1] > record.MOST_KEYS:
        keys.append(f"all {counts[0]:,} rows, set {counts[2]:016x}")
    return int(counts[0]), keys


def _stopped(verdict: GateVerdict) -> GateFailed:
    lines = [
        f"{f.relation}: {f.expectation}: {f.failing_rows:,} row(s) against it"
        for f in verdict.critical[:10]
    ]
    to_do = [
        f"see `segmentry gates show {verdict.gate}` and the Data Docs",
        (
            "fix the data (`segmentry quarantine list`, `segmentry sources withdraw BATCH`) or the"
            " limits under `gates:` in policies.yml, then run again"
        ),
    ]
    if not any(failure.severity == releases.ABSOLUTE for failure in verdict.critical):
        to_do.append(
            f"or let these rows through with `segmentry run --release-gate {verdict.gate} --reason"
            " TEXT`"
        )
    return GateFailed(
        f"the gate '{verdict.gate}' did not pass at snapshot {verdict.snapshot}:\n  "
        + "\n  ".join(lines),
        allowed=(
            "data that meet every critical expectation; what was published last stays published"
        ),
        remedy="; ".join(to_do),
    )
