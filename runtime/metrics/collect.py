"""Collects the metrics for a scrape, at most once in some seconds."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from runtime.alerts.evidence import look
from runtime.alerts.policy import Limits
from runtime.alerts.store import IncidentStore
from runtime.metrics.families import FAMILIES
from runtime.metrics.parts import PARTS, Sample
from segmentry.settings import Settings

# A scrape within these seconds gets the numbers of the last one: two servers cost no more than one.
FRESH_SECONDS = 10.0
# Series of one metric that are exposed; each costs the server memory for ever. More are counted.
MOST_SERIES = 1_000


@dataclass(eq=False)
class HomeCollector(Collector):
    """The metrics of one home, for a registry of prometheus_client."""

    settings: Settings
    fresh_seconds: float = FRESH_SECONDS
    most_series: int = MOST_SERIES
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _read_at: float = float("-inf")
    _samples: list[Sample] = field(default_factory=list)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: a registry would otherwise read the lake when it is made."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every family, with the samples that exist."""
        with self._lock:
            if time.monotonic() - self._read_at >= self.fresh_seconds:
                self._samples = read(self.settings, self.most_series)
                self._read_at = time.monotonic()
            samples = list(self._samples)
        for family in FAMILIES:
            made = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for name, labels, value in samples:
                if name == family.name:
                    made.add_metric(labels, value)
            yield made


def read(settings: Settings, most_series: int = MOST_SERIES) -> list[Sample]:
    """The samples now. A part that cannot be read is missing, and is a sample itself."""
    started = time.monotonic()
    found: list[Sample] = []
    with (
        closing(IncidentStore(settings)) as store,
        look(settings, Limits(), store) as evidence,
    ):
        for name, part in PARTS.items():
            try:
                samples = list(part(evidence))
            except Exception:  # one part that cannot be read stops no other
                samples = []
                found.append(("segmentry_scrape_failed", (name,), 1.0))
            else:
                found.append(("segmentry_scrape_failed", (name,), 0.0))
            found += _limited(samples, most_series)
    return [*found, ("segmentry_scrape_seconds", (), time.monotonic() - started)]


def registry(settings: Settings) -> CollectorRegistry:
    """A registry with the metrics of the home and nothing else."""
    made = CollectorRegistry(auto_describe=False)
    made.register(HomeCollector(settings))
    return made


def _limited(samples: list[Sample], most: int) -> Iterator[Sample]:
    counts: Counter[str] = Counter()
    for sample in samples:
        counts[sample[0]] += 1
        if counts[sample[0]] <= most:
            yield sample
    for name, count in counts.items():
        if count > most:
            yield "segmentry_series_dropped", (name,), float(count - most)
