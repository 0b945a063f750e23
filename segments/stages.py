"""The stages ``segments`` and ``memberships`` of the main job."""

from __future__ import annotations

from segmentry import dbt
from segmentry.clock import is_decided
from segmentry.layers import build_layer
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport
from segments import membership


def segments(context: RunContext) -> StageReport:
    """The segments that each profile matches now; a clock older than the newest change is refused.

    The gate on memberships looks at what that would change, and the stage ``memberships`` publishes
    it.
    """
    if is_decided(context.settings):
        membership.refuse_the_past(context)
    return build_layer(context, "segments", _proposed_memberships, is_complete=False)


def memberships(context: RunContext) -> StageReport:
    """Memberships after dwell rules, priority and size, and their history, of what the stage
    ``segments`` evaluated.
    """
    if is_decided(context.settings):
        membership.refuse_stale_proposals(context)
    published = "path:models/segments/evaluation/published"
    return build_layer(context, "segments", lambda settings: dbt.build(settings, published))


def _proposed_memberships(settings: Settings) -> StageReport:
    """Matches come from one scan; a segment's own view is for people to read and is made when its
    rule is new.
    """
    # First, so that a stage killed in between finds them stale again: rules are recorded by the
    # evaluation.
    if free := membership.refresh_views(settings):
        dbt.build(settings, " ".join(free))
    return dbt.build(settings, "path:models/segments/evaluation/proposed")
