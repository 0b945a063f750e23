"""Segments: sizes, moves, overlaps, one segment, and a rule that is written in a form."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from console import plots, rules
from console.access import Role
from console.asked import Asked, ConsolePage, ConsoleRoute, Download, HtmlAnswer
from console.cells import Anchor, Badge, HtmlTable, Relation, Shade, share
from segmentry import configuration, sync_files
from segmentry.errors import SegmentryError
from segments import deployed, installed, preview

SIZES = "observability.segment_sizes"
OVERLAPS = "observability.console_overlaps"
# A matrix of more does not fit on a screen.
MOST_IN_MATRIX = 20
_RUNS = 60
_SERIES = f"""
    select segment, as_of, people, entered, left_segment from {{relation}}
    where as_of >= (
        select min(as_of) from (
            select distinct as_of from {{relation}} order by as_of desc limit {_RUNS}
        )
    )
    order by segment, as_of"""


def listing(asked: Asked) -> HtmlAnswer:
    """Every segment with its size, its course and the moves of the newest run."""
    found = deployed.load_all(asked.settings, asked.lake)
    sizes = asked.read(SIZES, "observe", _SERIES)
    courses: dict[str, list[dict[str, Any]]] = {}
    for row in sizes.rows:
        courses.setdefault(row["segment"], []).append(row)
    rows = [_listed(name, one, courses.get(name, [])) for name, one in found.items()]
    rows.sort(key=lambda row: (-row["members"], row["segment"].text))
    columns = {
        "segment": "Segment", "members": "Members", "course": "Course", "entered": "Entries",
        "left": "Exits", "priority": "Priority", "group": "Group", "owner": "Owner",
        "state": "State",
    }  # fmt: skip
    return HtmlAnswer(
        "segments.html",
        {
            "table": HtmlTable(
                "Members now, and moves of the newest run", columns, rows, "No segment yet."
            ),
            "missing": sizes.missing,
            "matrix": _matrix(asked, [row["segment"].text for row in rows[:MOST_IN_MATRIX]]),
            "total": len(rows),
        },
    )


def _listed(
    name: str, one: deployed.DeployedSegment, course: list[dict[str, Any]]
) -> dict[str, Any]:
    newest = course[-1] if course else {}
    people = [row["people"] for row in course]
    return {
        "segment": Anchor(name, f"/segments/{quote(name)}"),
        "members": newest.get("people", 0),
        "course": plots.sparkline(people, f"{name}: {people[0]} to {people[-1]}")
        if len(people) > 1
        else None,
        "entered": newest.get("entered"),
        "left": newest.get("left_segment"),
        "priority": one.known.priority,
        "group": one.known.exclusive_group,
        "owner": one.known.meta.get("owner"),
        "state": _state(one),
    }


def _state(one: deployed.DeployedSegment) -> Badge:
    kinds = {deployed.CURRENT: "good", deployed.REFUSED: "bad"}
    return Badge(one.state.partition(":")[0], kinds.get(one.state, "warn"))


def _matrix(asked: Asked, names: list[str]) -> HtmlTable:
    found = asked.read(
        OVERLAPS,
        "observe",
        "select segment, other, share from {relation}"
        " where list_contains(?, segment) and list_contains(?, other)",
        [names, names],
    )
    pairs = {(row["segment"], row["other"]): row["share"] for row in found.rows}
    short = {name: str(place) for place, name in enumerate(names, 1)}
    rows: list[dict[str, Any]] = [
        {
            "segment": Anchor(f"{short[name]} {name}", f"/segments/{quote(name)}"),
            **{
                other: "–" if other == name else _shade(pairs.get((name, other), 0.0))
                for other in names
            },
        }
        for name in names
    ]
    columns = {"segment": "Share of this segment …", **{n: short[n] for n in names}}
    caption = "… that is in the segment of that number too"
    return HtmlTable(caption, columns, rows if not found.missing else (), "None.", found.missing)


def _shade(part: float) -> Shade:
    return Shade(f"{part:.0%}" if part else "", min(5, int(part * 5 + 0.999)))


def one_segment(asked: Asked) -> HtmlAnswer:
    """A segment: definition, size over time, moves, overlaps, and who uses it."""
    name = asked.path["name"]
    found = deployed.named(asked.settings, asked.lake, name)
    segment = found.known
    sizes = asked.read(SIZES, "observe", f"select * from ({_SERIES}) where segment = ?", [name])
    facts = {
        "State": _state(found),
        "Members": sizes.rows[-1]["people"] if sizes.rows else None,
        **{key.replace("_", " ").capitalize(): value for key, value in segment.meta.items()},
        "Version of the rule": found.version,
    }
    in_common = asked.read(
        OVERLAPS,
        "observe",
        "select other, in_common, share from {relation} where segment = ?"
        " order by in_common desc, other limit 20",
        [name],
    )
    return HtmlAnswer(
        "segment.html",
        {
            "name": name,
            "state": found.state,
            "description": " ".join(segment.description.split()),
            "facts": facts,
            "rule": segment.predicate.to_sql() if segment.predicate else segment.sql,
            "has_rule": segment.predicate is not None,
            "plot": _course(name, sizes.rows),
            "sizes": _moves(sizes),
            "overlaps": _overlaps(in_common),
            "uses": _uses(asked, name),
            "may_change": asked.visitor.may(Role.analyst),
        },
    )


def _course(name: str, rows: list[dict[str, Any]]) -> Any:
    if len(rows) < 2:
        return None
    ticks = [f"{row['as_of']:%d %b}" for row in rows]
    label = f"Members of {name}, from {rows[0]['people']:,} to {rows[-1]['people']:,}"
    series = {
        "members": [float(row["people"]) for row in rows],
        "entries": [float(row["entered"]) for row in rows],
        "exits": [float(row["left_segment"]) for row in rows],
    }
    return plots.lines(label, series, ticks)


def _moves(sizes: Relation) -> HtmlTable:
    columns = {
        "as_of": "As of", "people": "Members", "entered": "Entries", "left_segment": "Exits",
    }  # fmt: skip
    newest = sizes.rows[::-1][:14]
    return HtmlTable("Newest runs", columns, newest, "No run has counted it yet.", sizes.missing)


def _overlaps(found: Relation) -> HtmlTable:
    rows = [
        {
            "other": Anchor(row["other"], f"/segments/{quote(row['other'])}"),
            "in_common": row["in_common"],
            "share": share(row["share"], 1),
        }
        for row in found.rows
    ]
    columns = {"other": "Segment", "in_common": "Members in common", "share": "Share of this one"}
    return HtmlTable("Shared members, the most first", columns, rows, "None.", found.missing)


def _uses(asked: Asked, name: str) -> HtmlTable:
    """Syncs, experiments and segments that name it."""
    syncs, _ = sync_files.load_each(asked.settings)
    rows: list[dict[str, Any]] = []
    for sync in syncs.values():
        named = {str(column.value) for column in sync.columns if column.source == "member_of"}
        if sync.segments is None or name in sync.segments or name in named:
            how = "all segments" if sync.segments is None else "named"
            link = Anchor(sync.name, f"/syncs/{quote(sync.name)}")
            rows.append({"user": link, "kind": "sync", "how": how, "owner": sync.owner})
    for path in sorted((asked.settings.config / "experiments").glob("*.y*ml")):
        content = configuration.read(path)
        population = content.get("population", {}).get("segments", ())
        if name in population:
            rows.append(
                {"user": path.stem, "kind": "experiment", "how": "named",
                 "owner": content.get("owner")}
            )  # fmt: skip
    columns = {"user": "Used by", "kind": "Kind", "how": "How", "owner": "Owner"}
    return HtmlTable("Who uses it", columns, rows, "Nothing uses it.")


def form(asked: Asked) -> HtmlAnswer:
    """The form of a rule: of an existing segment, or an empty one."""
    name = asked.query.get("name", "")
    text = ""
    if name:
        segment = deployed.named(asked.settings, asked.lake, name).known
        text = segment.predicate.to_sql() if segment.predicate else ""
    return _form(asked, {"name": [name], "where": [text]})


def _form(asked: Asked, several: dict[str, list[str]], **more: Any) -> HtmlAnswer:
    words = installed.vocabulary(asked.settings)
    lines = rules.conditions(several)
    blank = rules.Condition("", "=", "")
    values = {
        "columns": words,
        "operators": rules.OPERATORS,
        "conditions": [*lines, *[blank] * max(1, 3 - len(lines))],
        "where": (several.get("where") or [""])[0],
        "name": (several.get("name") or [""])[0],
        "owner": (several.get("owner") or ["marketing"])[0],
        "join": (several.get("join") or ["all"])[0],
        "found": None,
        "fault": None,
        "changes": None,
    }
    return HtmlAnswer("rule.html", {**values, **more}, 400 if more.get("fault") else 200)


def try_out(asked: Asked) -> HtmlAnswer:
    """Size, moves and overlaps of the form's rule; its files as a change where that is asked."""
    several = dict(asked.several)
    try:
        words = installed.vocabulary(asked.settings)
        text = rules.where(several, words)
        if asked.form.get("action") == "change":
            made = rules.changes(
                asked.settings, asked.form.get("name", ""), text, asked.form.get("owner", "")
            )
            return _form(asked, several, changes=made, text=text)
        return _form(asked, several, found=_previewed(asked, text))
    except SegmentryError as error:
        return _form(asked, several, fault=error)


def fragment(asked: Asked) -> HtmlAnswer:
    """The same preview as a part of a page, for the form's script."""
    try:
        text = rules.where(asked.several, installed.vocabulary(asked.settings))
        return HtmlAnswer("preview.html", {"found": _previewed(asked, text), "fault": None})
    except SegmentryError as error:
        return HtmlAnswer("preview.html", {"found": None, "fault": error})


def _previewed(asked: Asked, text: str) -> dict[str, Any]:
    segment, predicate = preview.written(asked.settings, text)
    name = asked.form.get("name", "")
    size = preview.size(asked.lake, name or segment.name, predicate)
    rows = [
        {
            "segment": Anchor(row["segment"], f"/segments/{quote(row['segment'])}"),
            "in_common": row["in_common"],
            "share": share(row["share_of_this"], 1),
        }
        for row in preview.overlaps(asked.lake, name or segment.name, predicate)[:10]
    ]
    columns = {"segment": "Segment", "in_common": "Members in common", "share": "Share of this one"}
    tiles = {
        "members": size["members"],
        "of all profiles": share(size["members"], size["profiles"]),
        **({"entries": size["entries"], "exits": size["exits"]} if name else {}),
    }
    return {
        "rule": predicate.to_sql(),
        "tiles": tiles,
        "overlaps": HtmlTable("Largest overlaps", columns, rows),
    }


def patch(asked: Asked) -> Download:
    """The change as a patch for ``git apply``."""
    name = asked.form.get("name", "")
    made = rules.changes(
        asked.settings, name, asked.form.get("where", ""), asked.form.get("owner", "")
    )
    content = "".join(change.patch for change in made)
    return Download(f"{name}.patch", content.encode(), "text/x-patch; charset=utf-8")


PAGE = ConsolePage(
    "Segments",
    10,
    (
        ConsoleRoute("/segments", listing),
        ConsoleRoute("/segments/rule", form, role=Role.analyst),
        ConsoleRoute("/segments/rule", try_out, "POST", Role.analyst),
        ConsoleRoute("/segments/rule/preview", fragment, "POST", Role.analyst),
        ConsoleRoute("/segments/rule/patch", patch, "POST", Role.analyst),
        ConsoleRoute("/segments/{name}", one_segment),
    ),
)
