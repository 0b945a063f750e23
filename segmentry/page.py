"""Parts of the HTML pages that a run leaves: they need no network and no script. The audit and the
report use them.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]

# The Data Docs leave pages with this mark as they are.
MARK = "<!-- readable without a network -->"
_STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1c2733;background:#f6f7f9;margin:0 auto;
max-width:1200px;padding:1.2rem}
table{border-collapse:collapse;width:100%;background:#fff;margin:.4rem 0 1.6rem}
th,td{border:1px solid #d9dee4;padding:.35rem .6rem;text-align:left;font-size:14px}
th{background:#eef1f4}td.number{text-align:right;font-variant-numeric:tabular-nums}
svg{display:block;max-width:100%}.yes{color:#18794e;font-weight:600}.no{color:#c0322b;font-weight:600}p{max-width:80ch}
.tiles{display:flex;flex-wrap:wrap;gap:.8rem;margin:.8rem 0 1.6rem}
.tile{background:#fff;border:1px solid #d9dee4;padding:.6rem 1rem;min-width:9rem}
.tile b{display:block;font-size:1.5rem}
.chart{background:#fff;border:1px solid #d9dee4;padding:.6rem;margin:.4rem 0 1.6rem}
</style>"""
_BAR = 560
_LABEL = 300
_LINE = 24


class Drawing(str):
    """Markup of our own, which is not escaped."""


def document(title: str, parts: Sequence[str], *, back: str = "") -> str:
    """A whole page; back: markup of a link above the title."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title>{MARK}{_STYLE}</head>"
        f"<body>{back}<h1>{html.escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def section(title: str, summary: str, content: str) -> str:
    """A heading, a line that describes the content below it, and the content."""
    text = f"<p>{html.escape(summary)}</p>" if summary else ""
    return f"<h2>{html.escape(title)}</h2>{text}{content}"


def table(rows: Rows) -> str:
    """Rows with the same keys as a table; a line if there are none."""
    if not rows:
        return "<p>None.</p>"
    names = "".join(f"<th>{html.escape(name.replace('_', ' '))}</th>" for name in rows[0])
    lines = "".join(
        "<tr>" + "".join(_cell(value) for value in row.values()) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def tiles(facts: Mapping[str, str]) -> str:
    """Some numbers, large, with their names."""
    each = (
        f'<div class="tile"><b>{html.escape(v)}</b>{html.escape(k)}</div>' for k, v in facts.items()
    )
    return f'<div class="tiles">{"".join(each)}</div>'


def bars(values: Mapping[str, float], unit: str) -> str:
    """A bar per name, the values next to them; the longest bar is the largest value. unit: plural,
    such as people.
    """
    if not values:
        return "<p>None.</p>"
    largest = max(values.values()) or 1
    lines = "".join(
        f'<text x="{_LABEL - 8}" y="{16 + i * _LINE}"'
        f' text-anchor="end">{html.escape(name)}</text><rect x="{_LABEL}" y="{4 + i * _LINE}"'
        f' width="{max(1.0, _BAR * value / largest):.1f}" height="16" rx="2" fill="#0b5cad"/><text'
        f' x="{_LABEL + 6 + max(1.0, _BAR * value / largest):.1f}"'
        f' y="{16 + i * _LINE}">{value:,.0f}</text>'
        for i, (name, value) in enumerate(values.items())
    )
    height = 8 + _LINE * len(values)
    label = html.escape(f"{len(values)} bars of {unit}")
    return (
        f'<div class="chart"><svg viewBox="0 0 960 {height}" width="960" height="{height}"'
        f' role="img" aria-label="{label}" font-size="13">{lines}</svg></div>'
    )


def _cell(value: object) -> str:
    if isinstance(value, Drawing):
        return f"<td>{value}</td>"
    if isinstance(value, float):
        return f'<td class="number">{value:.3f}</td>'
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td class="number">{value:,}</td>'
    text = html.escape("" if value is None else str(value))
    return f'<td class="{text}">{text}</td>' if text in {"yes", "no"} else f"<td>{text}</td>"
