"""The audit of the segments as a page: what people said of drawn members, sizes and moves, conflicts and overlaps."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segmentry.settings import Settings
from segments.membership import Rows

# The Data Docs leave pages with this mark as they are.
_MARK = "<!-- readable without a network -->"
_STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1c2733;background:#f6f7f9;margin:0 auto;max-width:1200px;padding:1.2rem}
table{border-collapse:collapse;width:100%;background:#fff;margin:.4rem 0 1.6rem}
th,td{border:1px solid #d9dee4;padding:.35rem .6rem;text-align:left;font-size:14px}
th{background:#eef1f4}td.number{text-align:right;font-variant-numeric:tabular-nums}
svg{display:block}.yes{color:#18794e;font-weight:600}.no{color:#c0322b;font-weight:600}p{max-width:80ch}
</style>"""
_TOLD = {
    "precision": "Of members drawn at random and judged by people, the share that belongs in the segment. The line is"
    " its 95 % interval: more judgements make it shorter.",
    "sizes": "Members, and who came and went. Churn is the share of those who were in it that left.",
    "conflicts": "Persons in two segments with actions that must not meet.",
    "overlaps": "Pairs of segments that share at least half of the smaller one.",
}


def folder(settings: Settings) -> Path:
    """Beside the Data Docs, so that the same address serves it."""
    return settings.data_docs / "segments"


def keep(settings: Settings, segment: str, found: Mapping[str, Any], judged: Rows) -> None:
    """Keep what people said of a segment's members for the page; the newest audit of a segment counts."""
    folder(settings).mkdir(parents=True, exist_ok=True)
    content = {"precision": {"segment": segment, **found}, "sample": judged}
    (folder(settings) / f"{segment}.json").write_text(json.dumps(content, indent=2, default=str), encoding="utf-8")


def write(settings: Settings, report: Mapping[str, Rows]) -> Path:
    """Write the page anew and return its path."""
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder(settings).glob("*.json"))]
    precision = [{**one["precision"], "95 % interval": _interval(one["precision"])} for one in kept]
    parts = [_section("precision", precision), *(_section(name, rows) for name, rows in report.items())]
    parts += [_section(f"sample of {one['precision']['segment']}", one["sample"]) for one in kept]
    page = folder(settings) / "index.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Segments: audit</title>{_MARK}{_STYLE}</head>"
        f'<body><p><a href="../index.html">Data Docs</a></p><h1>Segments: audit</h1>{"".join(parts)}</body></html>\n',
        encoding="utf-8",
    )
    return page


class _Drawing(str):
    """Markup of our own, which is not escaped."""


def _interval(found: Mapping[str, Any]) -> _Drawing:
    """The interval from 0 to 1 as a line, the share as a dot."""
    low, high, share = (round(200 * found[name], 1) for name in ("low", "high", "precision"))
    return _Drawing(
        f'<svg width="208" height="16" viewBox="-4 0 208 16" role="img" aria-label="{found["low"]:.3f} to'
        f' {found["high"]:.3f}"><line x1="0" y1="8" x2="200" y2="8" stroke="#d9dee4" stroke-width="2"/>'
        f'<line x1="{low}" y1="8" x2="{high}" y2="8" stroke="#0b5cad" stroke-width="4"/>'
        f'<circle cx="{share}" cy="8" r="4" fill="#0b5cad"/></svg>'
    )


def _section(title: str, rows: Rows) -> str:
    head = f"<h2>{html.escape(title.capitalize())}</h2>"
    if text := _TOLD.get(title):
        head += f"<p>{html.escape(text)}</p>"
    if not rows:
        return head + "<p>None.</p>"
    names = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in rows[0])
    lines = "".join("<tr>" + "".join(_cell(value) for value in row.values()) + "</tr>" for row in rows)
    return f"{head}<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(value: object) -> str:
    if isinstance(value, _Drawing):
        return f"<td>{value}</td>"
    if isinstance(value, float):
        return f'<td class="number">{value:.3f}</td>'
    if isinstance(value, int):
        return f'<td class="number">{value:,}</td>'
    text = html.escape("" if value is None else str(value))
    return f'<td class="{text}">{text}</td>' if text in {"yes", "no"} else f"<td>{text}</td>"
