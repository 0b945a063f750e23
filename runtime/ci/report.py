"""The report on a change, for the discussion of a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from runtime.ci import models, rows, sizes, versions
from runtime.ci.models import ModelChange
from runtime.ci.rows import SyncChange
from runtime.ci.sizes import SegmentChange
from segmentry import sync_files, warehouse
from segmentry.settings import Settings

# What decides the values that the report counts on: a change there shows after a run alone.
_VALUES = ("staging", "identity", "marts", "features", "profiles")


@dataclass(frozen=True)
class Report:
    """What a change does. base: what was asked for, and its commit. not_counted: changed files
    whose effect on values the lake shows after a run.
    """

    base: str
    commit: str
    segments: list[SegmentChange]
    syncs: list[SyncChange]
    models: list[ModelChange]
    not_counted: list[str]

    @property
    def largest_share(self) -> float:
        """The largest share of a segment or an audience that would move: 1 is as many as it has."""
        moving: list[SegmentChange | SyncChange] = [*self.segments, *self.syncs]
        shares = [one.moved / max(one.before or 0, 1) for one in moving if one.change != "added"]
        return max(shares, default=0.0)

    def as_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {**asdict(self), "largest_share": self.largest_share}


def make(settings: Settings, ref: str) -> Report:
    """Compare the working tree with ``ref`` on the lake of the home, which is only read."""
    with versions.compared(settings, ref) as found:
        base, head = sizes.segments_of(found)
        with warehouse.connect(settings, read_only=True) as lake:
            segments = sizes.changes(lake, base, head)
            syncs = rows.changes(lake, found, has_moves=any(one.moved for one in segments))
        affected = models.changes(found, head, sync_files.load(found.head))
        layers = tuple(f"models/{layer}/" for layer in _VALUES)
        hidden = [path for path in found.changed if any(layer in path for layer in layers)
                  and path.endswith((".sql", ".py"))]  # fmt: skip
        return Report(ref, found.commit, segments, syncs, affected, hidden)


def markdown(report: Report) -> str:
    """The report as Markdown of GitHub and GitLab; no identifier of a person is in it."""
    parts = [
        "## Segmentry: what this change does",
        f"Compared with `{report.base}` (`{report.commit[:12]}`) on the same profiles; nothing was"
        " sent and nothing was written.",
        _segments(report.segments),
        _syncs(report.syncs),
        _models(report.models),
    ]
    if report.not_counted:
        listed = "\n".join(f"- `{path}`" for path in report.not_counted)
        parts.append(
            "### Not counted\n\nThese files change values that profiles have. Their effect shows"
            f" after a run.\n\n{listed}"
        )
    return "\n\n".join(parts) + "\n"


def _segments(found: Sequence[SegmentChange]) -> str:
    shown = [one for one in found if one.change or one.moved or one.note]
    table = _table(
        ("segment", "definition", "before", "after", "enter", "leave", "note"),
        [
            (f"`{s.segment}`", s.change, s.before, s.after, s.entries, s.exits, s.note)
            for s in shown
        ],
    )
    rest = f"{len(found) - len(shown):,} segment(s) stay as they are."
    return "\n\n".join(["### Segments", *([table] if shown else []), rest])


def _syncs(found: Sequence[SyncChange]) -> str:
    shown = [one for one in found if one.change or one.moved]
    table = _table(
        ("sync", "file", "rows before", "rows after", "add", "remove", "change", "note"),
        [
            (f"`{s.sync}`", s.change, s.before, s.after, s.added, s.removed, s.changed, s.note)
            for s in shown
        ],
    )
    rest = f"{len(found) - len(shown):,} sync(s) send what they sent before."
    return "\n\n".join(["### Syncs", *([table] if shown else []), rest])


def _models(found: Sequence[ModelChange]) -> str:
    if not found:
        return "### Models\n\nNo model is affected."
    table = _table(
        ("model", "why", "segments that read it", "syncs that send it"),
        [(f"`{m.model}`", m.why, ", ".join(m.segments), ", ".join(m.syncs)) for m in found],
    )
    return f"### Models\n\n{table}"


def _table(head: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    rule = ["---:" if _is_number(lines, place) else "---" for place in range(len(head))]
    return "\n".join(_line(cells) for cells in (head, rule, *lines))


def _is_number(lines: Sequence[Sequence[object]], place: int) -> bool:
    return any(isinstance(line[place], int) for line in lines)


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    if value is None:
        return "?"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")
