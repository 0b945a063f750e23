"""The stage of this room: record who was assigned, and measure what changed."""

from __future__ import annotations

from experiments import exposed, lift, pages
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport


def measure(context: RunContext) -> StageReport:
    """Record assignments of hold-outs, measure the lift of every sync, and write the page."""
    settings = context.settings
    syncs = lift.select(settings, [])
    with warehouse.connect(settings) as lake:
        added = exposed.record(lake, syncs, clock.read_from(lake))
        lifts = lift.measure(lake, settings, syncs)
        rows = lift.write(lake, lifts)
    pages.write_lifts(settings, lifts)
    broken = [one.sentence for one in lifts if one.ratio.is_broken]
    return StageReport({exposed.RELATION: added, lift.RELATION: rows}, broken)
