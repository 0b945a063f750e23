"""The stage of this room: record who was assigned, and measure what changed."""

from __future__ import annotations

from experiments import definitions, exposed, lift, pages, reading
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport


def measure(context: RunContext) -> StageReport:
    """Record assignments and exposures, measure every sync and experiment, and write the pages."""
    settings = context.settings
    syncs = lift.select(settings, [])
    with warehouse.connect(settings) as lake:
        added = exposed.record(lake, syncs, clock.read_from(lake))
        lifts = lift.measure(lake, settings, syncs)
        rows = lift.write(lake, lifts)
        experiments = definitions.load(settings).values()
        readings = [reading.read(lake, settings, experiment) for experiment in experiments]
        read = reading.write(lake, readings)
    pages.write_lifts(settings, lifts)
    for one in readings:
        pages.write_reading(settings, one)
    broken = [one.sentence for one in lifts if one.ratio.is_broken]
    broken += [one.sentence for one in readings if one.ratio.is_broken]
    return StageReport(
        {exposed.RELATION: added, lift.RELATION: rows, reading.RELATION: read}, broken
    )
