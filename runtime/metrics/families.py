"""Every metric that is exposed: its name, labels and meaning. No label has an identifier of a
person; labels are names of sources, gates, stages, syncs, models and segments.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricFamily:
    """One metric. help: one sentence, with its unit; labels: in the order of the values."""

    name: str
    help: str
    labels: tuple[str, ...] = ()


FAMILIES: tuple[MetricFamily, ...] = (
    MetricFamily("segmentry_as_of_timestamp_seconds", "The run's clock, seconds since 1970."),
    MetricFamily("segmentry_profiles", "Profiles."),
    MetricFamily(
        "segmentry_source_records",
        "Records of a source by outcome: accepted, quarantined, duplicates.",
        ("source", "outcome"),
    ),
    MetricFamily(
        "segmentry_source_behind_hours",
        "Hours that the newest record of a source is behind the run's clock.",
        ("source",),
    ),
    MetricFamily(
        "segmentry_source_landed_timestamp_seconds",
        "When a record of the source last landed, seconds since 1970.",
        ("source",),
    ),
    MetricFamily(
        "segmentry_gate_passed",
        "1 if the newest check of the gate passed, else 0.",
        ("gate",),
    ),
    MetricFamily("segmentry_segment_people", "People in a segment.", ("segment",)),
    MetricFamily(
        "segmentry_drift_psi",
        "Population stability index of a model's score, outcomes or personas at its newest as_of.",
        ("model", "measure"),
    ),
    MetricFamily(
        "segmentry_drift_alarm",
        "1 if the measure drifted beyond the policy's limit, else 0.",
        ("model", "measure"),
    ),
    MetricFamily(
        "segmentry_sync_rows",
        "Rows of the newest run of a sync by outcome.",
        ("sync", "outcome"),
    ),
    MetricFamily(
        "segmentry_sync_ok",
        "1 if the newest run of the sync is done, 0 if it failed, was stopped or killed.",
        ("sync",),
    ),
    MetricFamily(
        "segmentry_sync_run_seconds", "Seconds that the newest run of the sync took.", ("sync",)
    ),
    MetricFamily("segmentry_dead_letters", "Dead letters of a sync.", ("sync",)),
    MetricFamily(
        "segmentry_stage_ok",
        "1 if the newest run of the stage is done, else 0; the stage job is the whole job.",
        ("stage", "item"),
    ),
    MetricFamily(
        "segmentry_stage_seconds",
        "Seconds that the newest run of the stage took.",
        ("stage", "item"),
    ),
    MetricFamily(
        "segmentry_stage_rows", "Rows that the newest run of the stage wrote.", ("stage", "item")
    ),
    MetricFamily(
        "segmentry_stage_finished_timestamp_seconds",
        "When the stage last ended, seconds since 1970.",
        ("stage", "item"),
    ),
    MetricFamily("segmentry_incidents", "Open incidents.", ("kind", "severity")),
    MetricFamily(
        "segmentry_erasures", "Open erasures by state: open, waiting, overdue.", ("state",)
    ),
    MetricFamily(
        "segmentry_scrape_failed",
        "1 if a part could not be read; its metrics are missing meanwhile.",
        ("part",),
    ),
    MetricFamily(
        "segmentry_series_dropped",
        "Series of a metric over the limit of series per metric, which are not exposed.",
        ("metric",),
    ),
    MetricFamily("segmentry_scrape_seconds", "Seconds that the newest read of all parts took."),
)
BY_NAME = {family.name: family for family in FAMILIES}
