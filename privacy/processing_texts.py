"""The record of processing activities as Markdown with a graph, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from privacy.processing import (
    COLLECTION,
    DISCLOSURE,
    FORMER,
    SEGMENTATION,
    Periods,
    ProcessingActivity,
    ProcessingRecord,
)
from segmentry.classes import ColumnClass

# Who is described, and what protects the data, in every activity of this product.
_SUBJECTS = "customers, contacts and visitors of the shop"
_MEASURES = (
    "files open to one user; roles with masked values; views of people recorded; consent checked"
    " where an audience is built and where it leaves"
)
_CLASSES = tuple(ColumnClass)


def rows(record: ProcessingRecord) -> list[dict[str, str]]:
    """One row per activity with the parts that article 30(1) asks for."""
    return [
        {
            "activity": one.kind,
            "name": one.name,
            "description": one.description,
            "controller": record.controller,
            "contact": record.contact,
            "purpose": one.purpose,
            "legal_basis": one.legal_basis,
            "data_subjects": _SUBJECTS,
            **{f"{name}_fields": ", ".join(one.of_class(name)) for name in _CLASSES},
            "segments": ", ".join(one.segments),
            "recipient": one.receives,
            "transfer": record.transfers.get(one.receives, "") if one.receives else "",
            "period": one.period,
            "owner": one.owner,
            "measures": _MEASURES,
        }
        for one in record.activities
    ]


def as_csv(record: ProcessingRecord) -> str:
    """The rows, with a header."""
    text = io.StringIO()
    found = rows(record)
    writer = csv.DictWriter(text, list(found[0]) if found else ["activity"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue()


def as_json(record: ProcessingRecord) -> str:
    """The rows as a list of objects."""
    return json.dumps(rows(record), indent=2, ensure_ascii=False) + "\n"


def graph(record: ProcessingRecord) -> str:
    """A Mermaid flowchart: sources, the lake, purposes, syncs with their fields, destinations."""
    lines = ["flowchart LR", '  lake[("profiles of this home")]']
    for place, one in enumerate(record.of_kind(COLLECTION)):
        lines.append(f"  source{place}[{_text(one.name)}] -->|{_text(_summary(one))}| lake")
    purposes = {
        purpose: f"purpose{place}"
        for place, purpose in enumerate(
            dict.fromkeys(one.purpose for one in record.of_kind(SEGMENTATION, DISCLOSURE))
        )
    }
    for purpose, node in purposes.items():
        lines.append(f"  lake --> {node}{{{{{_text(purpose)}}}}}")
    receivers: dict[str, str] = {}
    for place, one in enumerate(record.of_kind(DISCLOSURE, FORMER)):
        node = receivers.setdefault(one.receives, f"receiver{len(receivers)}")
        sync = f"sync{place}[{_text(one.name)}]"
        lines.append(f"  {purposes.get(one.purpose, 'lake')} --> {sync}")
        lines.append(f"  sync{place} -->|{_text(_summary(one))}| {node}[/{_text(one.receives)}/]")
    return "\n".join(lines) + "\n"


def markdown(record: ProcessingRecord, periods: Periods) -> str:
    """The whole record to read, with the graph."""
    parts = [
        "# Record of processing activities",
        "",
        "Written by `segmentry privacy flows` from the configuration; do not edit.",
        "",
        f"- Controller: {record.controller}",
        f"- Contact: {record.contact}",
        f"- Data subjects: {_SUBJECTS}",
        f"- Measures: {_MEASURES}",
        f"- Logs stay {periods.logs} days, snapshots of the lake {periods.snapshots} days.",
        "",
        "## Flows",
        "",
        "```mermaid",
        graph(record).rstrip(),
        "```",
        "",
    ]
    parts += _section("What is collected", record.of_kind(COLLECTION))
    parts += _section("What it is used for", record.of_kind(SEGMENTATION))
    parts += _section("Where it goes", record.of_kind(DISCLOSURE, FORMER))
    return "\n".join(parts)


def table(columns: Sequence[str], found: Iterable[Sequence[Any]]) -> list[str]:
    """A table of Markdown."""
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [*lines, *(f"| {' | '.join(_cell(value) for value in row)} |" for row in found)]


def _section(title: str, found: Sequence[ProcessingActivity]) -> list[str]:
    lines = [f"## {title}", ""]
    if not found:
        return [*lines, "Nothing.", ""]
    for one in found:
        lines += [f"### {one.name}", "", one.description, ""]
        facts = {
            "Purpose": one.purpose,
            "Legal basis": one.legal_basis,
            "Recipient": one.receives,
            "Segments": ", ".join(one.segments),
            "Period": one.period,
            "Owner": one.owner,
        }
        lines += [f"- {name}: {value}" for name, value in facts.items() if value]
        classes = [(name, one.of_class(name)) for name in _CLASSES]
        if one.fields:
            stated = [(name, ", ".join(names)) for name, names in classes if names]
            lines += ["", *table(("Class", "Fields"), stated)]
        elif one.kind == COLLECTION:
            lines.append("- Fields: known after the first run")
        lines.append("")
    return lines


def _summary(one: ProcessingActivity) -> str:
    """How many fields of each class, without those of no class."""
    counts = [
        f"{len(names)} {name.replace('_', ' ')}"
        for name in _CLASSES
        if name is not ColumnClass.none and (names := one.of_class(name))
    ]
    if not one.fields:
        return "fields not known"
    return ", ".join(counts) or f"{len(one.fields)} fields that name nobody"


def _text(value: str) -> str:
    # Mermaid ends a label at a quote and reads entities as HTML does.
    plain = value.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'"{plain}"'


def _cell(value: Any) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
