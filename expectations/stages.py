"""The gates as stages of the main job."""

from __future__ import annotations

from expectations import runner
from segmentry import clock
from segmentry.stages import RunContext, StageReport


def gate_raw(context: RunContext) -> StageReport:
    """Landed records are accounted for, accepted ones have keys and possible values."""
    return runner.run(context.settings, "raw", context.as_of)


def gate_features(context: RunContext) -> StageReport:
    """Feature tables have their grain, read nothing later than their as_of, and have possible
    values.
    """
    return runner.run(context.settings, "features", clock.of(context))


def gate_memberships(context: RunContext) -> StageReport:
    """No more memberships change at once than the policies allow; before they are published."""
    return runner.run(context.settings, "memberships", clock.of(context))


def gate_audiences(context: RunContext) -> StageReport:
    """Audiences have one row per key and no person who opted out."""
    return runner.run(context.settings, "audiences", clock.of(context))
