"""What each person did after exposure, and before it: metrics evaluated over the marts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from experiments.metrics import Metric, MetricPart

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

# Days before exposure whose values adjust the comparison. A longer period explains more of a
# person's spend and reaches further than many homes do.
BEFORE_DAYS = 90
BEFORE = "__before"


def table(
    lake: duckdb.DuckDBPyConnection, exposures: str, metrics: Sequence[Metric], as_of: datetime
) -> pd.DataFrame:
    """One row per exposed person: the columns of exposures, and two for every part of a metric.

    exposures: a query with unique profile_id, and exposed_at (naive UTC). The column named as the
    part has what followed the exposure, up to the end of the metric's window and to as_of; the one
    with the suffix __before has the 90 days before it. A person without a row counts as 0.
    """
    columns = ["exposures.*"]
    joins = []
    for metric in metrics:
        for name, part in metric.parts.items():
            columns += [
                f'coalesce("{name}".after_value, 0)::double as "{name}"',
                f'coalesce("{name}".before_value, 0)::double as "{name}{BEFORE}"',
            ]
            joins.append(
                f'left join ({_part_sql(part, metric.window_days)}) as "{name}"'
                f' on exposures.profile_id = "{name}".profile_id'
            )
    sql = (
        f"with exposures as ({exposures}) select {', '.join(columns)} from exposures"
        f" {' '.join(joins)} order by exposures.profile_id"
    )
    return lake.execute(sql, {"as_of": as_of}).df()


def _part_sql(part: MetricPart, window_days: int | None) -> str:
    conditions = [
        f"facts.{column} in ({', '.join(_literal(value) for value in values)})"
        for column, values in part.where.items()
    ]
    until = "cast($as_of as timestamp)"
    after = f"facts.{part.at} > exposures.exposed_at and facts.{part.at} <= {until}"
    if window_days is not None:
        after += f" and facts.{part.at} <= exposures.exposed_at + interval {window_days} day"
    before = (
        f"facts.{part.at} <= exposures.exposed_at"
        f" and facts.{part.at} > exposures.exposed_at - interval {BEFORE_DAYS} day"
    )
    where = f"where {' and '.join(conditions)}" if conditions else ""
    value = {"any": "max(1)", "count": "count(*)", "sum": f"sum(facts.{part.value})"}[
        part.aggregate
    ]
    return f"""
        select exposures.profile_id,
            {value} filter (where {after}) as after_value,
            {value} filter (where {before}) as before_value
        from exposures
        inner join lake.{part.relation} as facts on exposures.profile_id = facts.profile_id
        {where}
        group by exposures.profile_id"""


def _literal(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        quoted = value.replace("'", "''")
        return f"'{quoted}'"
    return repr(value)
