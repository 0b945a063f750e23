"""Pages about content: every variant as it looks, and the matrix of segments and slots."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from liquid.exceptions import LiquidError

from experiments.content.fields import RequestContext
from experiments.content.slots import ALL, FALLBACK, ContentRule, Slot, Variant
from experiments.decide.decisions import Content
from segmentry import page
from segmentry.page import Drawing
from segmentry.settings import Settings

NOBODY = "not known, or no consent"
_STYLE = "<style>iframe{width:100%;height:11rem;border:1px solid #d9dee4;background:#fff}"
_STYLE += "pre{white-space:pre-wrap;background:#fff;border:1px solid #d9dee4;padding:.6rem}"
_STYLE += (
    ".samples{display:grid;gap:.8rem;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr))}"
)
_STYLE += "figure{margin:0}figcaption{font-size:13px}</style>"


def preview_place(settings: Settings) -> Path:
    """Where the page of all variants is."""
    return settings.home / "content" / "preview.html"


def matrix_place(settings: Settings) -> Path:
    """Where the page of the matrix is."""
    return settings.home / "content" / "matrix.html"


def write_preview(
    settings: Settings,
    slots: Sequence[Slot],
    samples: Mapping[str, Mapping[str, Any]],
    request: RequestContext,
    now: datetime,
) -> Path:
    """Write every variant of these slots for every sample; samples: name to columns and values."""
    parts = [_STYLE, *(_slot(slot, samples, request, now) for slot in slots)]
    return _write(preview_place(settings), "Content: every variant", parts)


def _slot(
    slot: Slot, samples: Mapping[str, Mapping[str, Any]], request: RequestContext, now: datetime
) -> str:
    shown = "".join(
        f"<h3>{html.escape(name)}</h3><p>{html.escape(variant.description)}</p>"
        f'<div class="samples">{_figures(slot, variant, samples, request, now)}</div>'
        for name, variant in slot.variants.items()
    )
    kept = _figure(slot, "every person, when nothing else applies", slot.fallback)
    summary = f"{slot.description} Owner: {slot.owner}. Policy: {slot.policy.replace('_', ' ')}."
    return page.section(
        slot.name, summary, f'{shown}<h3>{FALLBACK}</h3><div class="samples">{kept}</div>'
    )


def _figures(
    slot: Slot, variant: Variant, samples: Mapping[str, Mapping[str, Any]],
    request: RequestContext, now: datetime,
) -> str:  # fmt: skip
    return "".join(
        _figure(slot, name, rendered(variant, values, request.values(now, slot.zone)))
        for name, values in samples.items()
    )


def rendered(variant: Variant, values: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    """The variant's text; where it fails, what a reader of the preview needs to know."""
    try:
        return variant.template.render({**values, **request})
    except LiquidError as error:
        return f"[the template fails for this sample: {type(error).__name__}; it falls back]"


def _figure(slot: Slot, name: str, text: str) -> str:
    # The frame runs no script and opens no link, whatever a template contains.
    shown = (
        f'<iframe sandbox="" title="{html.escape(name)}" srcdoc="{html.escape(text)}"></iframe>'
        if slot.is_html
        else f"<pre>{html.escape(text)}</pre>"
    )
    return f"<figure>{shown}<figcaption>{html.escape(name)}</figcaption></figure>"


def matrix(content: Content) -> list[dict[str, str]]:
    """One row per segment that a rule names, and for all and for nobody: slot to what is shown.

    A cell is what a member of that segment and of no other is shown, rules in their order up to the
    first without a condition.
    """
    named = {rule.segment for slot in content.slots.values() for rule in slot.rules}
    segments = sorted(name for name in named if name is not None)
    rows = [
        {
            "segment": segment or ALL,
            **{name: _cell(content, name, segment) for name in content.slots},
        }
        for segment in (*segments, None)
    ]
    return [*rows, {"segment": NOBODY, **dict.fromkeys(content.slots, FALLBACK)}]


def _cell(content: Content, name: str, segment: str | None) -> str:
    parts = []
    for rule in content.order[name]:
        if rule.segment not in {None, segment}:
            continue
        parts.append(_shown(content, rule))
        if rule.condition is None and not rule.schedule.is_limited:
            return ", else ".join(parts)
    return ", else ".join([*parts, FALLBACK])


def _shown(content: Content, rule: ContentRule) -> str:
    if rule.experiment is not None:
        weights = content.experiments[rule.experiment].weights
        total = sum(weights.values())
        shares = [f"{rule.arms[arm]} {weight / total:.0%}" for arm, weight in weights.items()]
        text = f"{' / '.join(shares)} by {rule.experiment}"
    elif len(rule.shows) > 1:
        total = sum(rule.weights.values())
        text = " / ".join(f"{name} {rule.weights[name] / total:.0%}" for name in rule.shows)
    else:
        text = rule.shows[0]
    if rule.condition is not None:
        text += f" if {rule.condition.to_sql()}"
    if rule.schedule.starts_at:
        text += f" from {rule.schedule.starts_at.isoformat()}"
    if rule.schedule.ends_at:
        text += f" until {rule.schedule.ends_at.isoformat()}"
    return f"{text} (override)" if rule.is_override else text


def write_matrix(settings: Settings, content: Content) -> Path:
    """Write the matrix of segments and slots, with the number of members of each segment."""
    rows = [
        {
            "segment": row["segment"],
            "members": content.sizes.get(row["segment"]),
            **{name: _drawn(row[name]) for name in content.slots},
        }
        for row in matrix(content)
    ]
    summary = "What a member of one segment and of no other is shown. The page of every variant is "
    summary += "preview.html."
    parts = [page.section("Segments and slots", summary, page.table(rows))]
    return _write(matrix_place(settings), "Content: who is shown what", parts)


def _drawn(cell: str) -> Drawing:
    style = ' style="color:#6b7680"' if cell == FALLBACK else ""
    return Drawing(f"<span{style}>{html.escape(cell)}</span>")


def _write(place: Path, title: str, parts: Sequence[str]) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(page.document(title, parts), encoding="utf-8")
    return place
