"""The stage ``identity`` of the main job: carries the policy into the lake, then lets dbt resolve
who is who.
"""

from __future__ import annotations

from dataclasses import replace

from identity import policy, resolution
from segmentry import dbt, warehouse
from segmentry.layers import build_layer
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport


def resolve(context: RunContext) -> StageReport:
    """Identifiers and links to profiles: what has changed since the last run, or everything if that
    is not certain.
    """
    warehouse.prepare(context.settings)
    policy.write_policy(context.settings)
    return build_layer(context, "identity", _resolved)


def _resolved(settings: Settings) -> StageReport:
    is_partial = resolution.begin(settings)
    if not is_partial:
        resolution.drop_former_tables(settings)
    variables = resolution.PARTIAL if is_partial else None
    report = dbt.build(
        settings, "path:models/identity", full_refresh=not is_partial, variables=variables
    )
    resolution.finish(settings)
    return replace(report, notes=[*report.notes, *refusals(settings)])


def refusals(settings: Settings) -> list[str]:
    """One line on values that were refused and one on links that are not used, with their counts by
    reason.
    """
    with warehouse.connect(settings, read_only=True) as lake:
        lines = [
            (
                name,
                lake.execute(
                    f"select reason, count(*) from lake.identity.{relation} group by reason"
                ).fetchall(),
            )
            for name, relation in (
                ("refused", "refused_identifiers"),
                ("not used", "refused_links"),
            )
        ]
    return [
        f"{sum(count for _, count in rows)} {'value(s)' if name == 'refused' else 'link(s)'}"
        f" {name}: "
        + ", ".join(
            f"{reason} {count}" for reason, count in sorted(rows, key=lambda row: (-row[1], row[0]))
        )
        for name, rows in lines
        if rows
    ]
