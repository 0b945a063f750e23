"""The audit of the segments as a page: the reviewers' decisions on drawn members, sizes and moves,
conflicts and overlaps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segmentry.page import Drawing, document, section, table
from segmentry.settings import Settings
from segments.membership import Rows

_INTRODUCTIONS = {
    "precision": (
        "Of members drawn at random and judged by people, the share that belongs in the segment."
        " The line is its 95 % interval: more judgements make it shorter."
    ),
    "sizes": (
        "Members, and who came and went. Churn is the share of those who were in it that left."
    ),
    "conflicts": "Persons in two segments with actions that must not meet.",
    "overlaps": "Pairs of segments that share at least half of the smaller one.",
}


def folder(settings: Settings) -> Path:
    """Next to the Data Docs, so that the same address serves it."""
    return settings.data_docs / "segments"


def keep(settings: Settings, segment: str, found: Mapping[str, Any], judged: Rows) -> None:
    """Keep the reviewers' decisions on a segment's members for the page; the newest audit of a
    segment counts.
    """
    folder(settings).mkdir(parents=True, exist_ok=True)
    content = {"precision": {"segment": segment, **found}, "sample": judged}
    (folder(settings) / f"{segment}.json").write_text(
        json.dumps(content, indent=2, default=str), encoding="utf-8"
    )


def write(settings: Settings, report: Mapping[str, Rows]) -> Path:
    """Write the page again and return its path."""
    kept = [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder(settings).glob("*.json"))
    ]
    precision = [{**one["precision"], "95 % interval": _interval(one["precision"])} for one in kept]
    parts = [
        _section("precision", precision),
        *(_section(name, rows) for name, rows in report.items()),
    ]
    parts += [_section(f"sample of {one['precision']['segment']}", one["sample"]) for one in kept]
    page = folder(settings) / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    back = '<p><a href="../index.html">Data Docs</a></p>'
    page.write_text(document("Segments: audit", parts, back=back), encoding="utf-8")
    return page


def _interval(found: Mapping[str, Any]) -> Drawing:
    """The interval from 0 to 1 as a line, the share as a dot."""
    low, high, share = (round(200 * found[name], 1) for name in ("low", "high", "precision"))
    return Drawing(
        '<svg width="208" height="16" viewBox="-4 0 208 16" role="img"'
        f' aria-label="{found["low"]:.3f} to {found["high"]:.3f}"><line x1="0" y1="8" x2="200"'
        f' y2="8" stroke="#d9dee4" stroke-width="2"/><line x1="{low}" y1="8" x2="{high}" y2="8"'
        f' stroke="#0b5cad" stroke-width="4"/><circle cx="{share}" cy="8" r="4"'
        ' fill="#0b5cad"/></svg>'
    )


def _section(title: str, rows: Rows) -> str:
    return section(title.capitalize(), _INTRODUCTIONS.get(title, ""), table(rows))
