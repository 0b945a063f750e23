"""The reference of the metrics, made from their definitions."""

from __future__ import annotations

from runtime.metrics.families import FAMILIES
from segmentry.generated import GeneratedFile
from segmentry.settings import ROOT, Settings

_HEAD = """# Metrics

Made by `make generate`. All are gauges: numbers as they are in the lake and the ledger at the
scrape. [How to scrape them](../how-to/metrics.md).

| metric | labels | meaning |
|---|---|---|
"""


def generated_files(_settings: Settings) -> list[GeneratedFile]:
    """docs/reference/metrics.md."""
    rows = [
        f"| `{one.name}` | {', '.join(f'`{label}`' for label in one.labels)} | {one.help} |\n"
        for one in FAMILIES
    ]
    return [GeneratedFile(ROOT / "docs" / "reference" / "metrics.md", _HEAD + "".join(rows))]
