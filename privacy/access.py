"""All that is known of one person, as JSON, CSV and a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from privacy.lake import Tables, candidates, condition, shop_country
from privacy.subjects import find, tombstones_of
from segmentry import page, warehouse
from segmentry.errors import UsageError
from segmentry.permissions import private_folder, write_secret
from segmentry.settings import Settings
from segmentry.tombstones import Tombstones

# Relations that a person understands, in the order of the page; what else has rows of theirs is in
# the JSON and CSV as well.
_TITLES = {
    "profiles.profiles": "What the profile states",
    "identity.identifier_mapping": "Identifiers",
    "identity.trait_provenance": "Where each trait comes from",
    "observability.trait_corrections": "Corrections",
    "activation.restrictions": "Restrictions and objections",
    "segments.segment_memberships": "Segments now",
    "segments.membership_history": "Segments before",
    "ml.scores": "Scores",
    "ml.score_reasons": "What the scores are made of",
    "ml.cluster_assignments": "Persona",
    "ml.recommendations": "Recommended products",
    "marts.consents": "Consents",
    "activation.sync_changelog": "What was sent, where to",
    "activation.sync_snapshot": "What destinations have",
    "marts.orders": "Orders",
    "marts.tickets": "Tickets",
    "marts.surveys": "Surveys",
    "marts.messages": "Messages",
}
_SHOWN = 200  # rows of a relation on the page; the files have all
# Copies for the machinery: staging and features repeat what raw and the profile state.
_LEFT_OUT = ("staging.", "audiences.candidates", "observability.")


def export(settings: Settings, identifier: str, to: Path) -> dict[str, int]:
    """Write the files into a new or empty folder, for their owner alone; returns rows by file."""
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(
            f"{to} exists and is not an empty folder",
            allowed="a new or empty folder",
            remedy="name another folder with --to",
        )
    with warehouse.connect(settings, is_private=True) as lake:
        subject = find(lake, [identifier])
        if not subject.profiles:
            raise UsageError(
                "nobody is known by that identifier",
                allowed="a profile_id, or type:value of a known person",
                remedy="check the spelling",
            )
        tables = Tables(lake, subject)
        data = _data(tables)
    _write(to, subject.profiles[0], data)
    return {
        "data.json": sum(map(len, data.values())),
        **{f"{n}.csv": len(r) for n, r in data.items()},
    }


def _data(tables: Tables) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for relation in tables.columns:
        name = relation.replace('"', "")
        is_copy = name.startswith(_LEFT_OUT) and name not in _TITLES
        if is_copy or name.startswith("raw."):
            continue
        if where := condition(tables, relation):
            rows = warehouse.records(tables.lake, f"select * from lake.{relation} where {where}")
            if rows:
                found[name] = rows
    for relation in [one for one in tables.columns if one.startswith("raw.")]:
        rows = _landed(tables, relation)
        if rows:
            found[relation.replace('"', "")] = rows
    order = list(_TITLES)
    return dict(
        sorted(
            found.items(), key=lambda one: (order.index(one[0]) if one[0] in order else 99, one[0])
        )
    )


def _landed(tables: Tables, relation: str) -> list[dict[str, Any]]:
    """Records as they were landed: those that an erasure would delete."""
    if "_raw" not in tables.columns[relation]:
        return []
    graves = Tombstones.of(tombstones_of(tables.subject), shop_country(tables.lake))
    return [
        {"batch": batch, "line": line, "record": raw}
        for batch, line, raw in candidates(tables, relation)
        if graves.names_forgotten(raw)
    ]


def _write(to: Path, profile: str, data: dict[str, list[dict[str, Any]]]) -> None:
    private_folder(to)
    content = {"profile_id": profile, "relations": data}
    write_secret(
        to / "data.json", json.dumps(content, default=str, ensure_ascii=False, indent=1) + "\n"
    )
    for name, rows in data.items():
        _write_csv(to / f"{name}.csv", rows)
    write_secret(to / "index.html", _page(data))


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_secret(path, buffer.getvalue())


def _page(data: dict[str, list[dict[str, Any]]]) -> str:
    parts = []
    for name, title in _TITLES.items():
        rows = data.get(name, [])
        summary = f"{len(rows):,} row(s), in {name}.csv"
        if name == "profiles.profiles" and rows:
            rows = [
                {"what": key.replace("_", " "), "value": value}
                for key, value in rows[0].items()
                if value is not None
            ]
        parts.append(page.section(title, summary, page.table(rows[:_SHOWN])))
    others = [{"file": f"{n}.csv", "rows": len(r)} for n, r in data.items() if n not in _TITLES]
    parts.append(page.section("More files", "All else that names the person.", page.table(others)))
    return page.document("What is known of you", parts)
