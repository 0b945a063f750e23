"""People: one profile with everything that is known of it, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from activation import explain
from console import identity_graph
from console.asked import Asked, ConsolePage, ConsoleRoute, HtmlAnswer, Redirection
from console.cells import Anchor, Badge, HtmlTable, Relation
from identity import evidence, people
from runtime import profile_sections
from segmentry import sync_files
from segmentry.errors import UsageError
from segments import deployed, membership

_DAYS = 90
_EVENTS = 200
_TABS = {
    "": "Overview", "/timeline": "Timeline", "/identity": "Identity", "/reasons": "Reasons",
}  # fmt: skip
_KINDS = {"matches": "good", "does not match": "bad", "granted": "good", "withdrawn": "bad"}


def search(_: Asked) -> HtmlAnswer:
    """The form that finds a person."""
    return HtmlAnswer("people.html", {"fault": None})


def find(asked: Asked) -> HtmlAnswer | Redirection:
    """Lead to the person of an identifier, which stays out of the address."""
    try:
        profile = people.profile_named(asked.lake, asked.form.get("who", "").strip())
    except UsageError as error:
        return HtmlAnswer("people.html", {"fault": error}, 404)
    return Redirection(f"/people/{quote(profile)}")


def _person(asked: Asked, tab: str) -> dict[str, Any]:
    """What every page of a person has; the view is recorded before anything is read of it."""
    profile = people.profile_named(asked.lake, asked.path["profile"])
    asked.record_view(f"person{tab}", profile)
    tabs = [
        {"href": f"/people/{quote(profile)}{end}", "title": title, "is_current": end == tab}
        for end, title in _TABS.items()
    ]
    return {"profile": profile, "tabs": tabs, "is_masked": not asked.reader.reads_all}


def overview(asked: Asked) -> HtmlAnswer:
    """Traits, identifiers, scores, segments, consents and what was sent."""
    person = _person(asked, "")
    profile = person["profile"]
    sections = {
        name: _section(asked, name, profile)
        for name in profile_sections.SECTIONS
        if name not in _OF_IDENTITY
    }
    sections["identifiers"] = _identifiers(asked, profile)
    return HtmlAnswer("person.html", {**person, "sections": sections})


# Sections that read every link of the lake: they are on the page of the identity.
_OF_IDENTITY = frozenset({"identifiers", "shared"})


def _identifiers(asked: Asked, profile: str) -> HtmlTable:
    title, columns = _COLUMNS["identifiers"]
    found = asked.read(
        "identity.identifier_mapping",
        "identity",
        "select identifier_type, identifier, first_seen_at, last_seen_at from {relation}"
        " where profile_id = ? order by first_seen_at, identifier_type, identifier",
        [profile],
    )
    rows = [{**row, "identifier": asked.hide(row["identifier"])} for row in found.rows]
    return HtmlTable(title, columns, rows, "None.", found.missing)


_COLUMNS: Mapping[str, tuple[str, dict[str, str]]] = {
    "traits": (
        "Traits and where each comes from",
        {"trait": "Trait", "value": "Value", "source": "Source", "record_id": "Record",
         "observed_at": "Observed", "strategy": "Chosen by"},
    ),
    "identifiers": (
        "Identifiers",
        {"identifier_type": "Type", "identifier": "Identifier", "first_seen_at": "First seen",
         "last_seen_at": "Last seen"},
    ),
    "segments": ("Segments now", {"segment": "Segment", "entered_at": "Since", "why": "Why"}),
    "scores": (
        "Scores",
        {"model": "Model", "score": "Score", "model_version": "Version", "as_of": "As of"},
    ),
    "clusters": (
        "Persona",
        {"persona": "Persona", "confidence": "Confidence", "as_of": "As of"},
    ),
    "consent": (
        "Consents, the latest decision of each",
        {"purpose": "Purpose", "channel": "Channel", "status": "Status",
         "decided_at": "Decided", "source": "Source", "record_id": "Record"},
    ),
    "restrictions": (
        "Restrictions of processing that are in force",
        {"kind": "Kind", "purpose": "Purpose", "since": "Since", "restriction": "Restriction"},
    ),
    "sent": (
        "What destinations have",
        {"sync": "Sync", "rows_acknowledged": "Rows", "acknowledged_at": "Acknowledged",
         "why": "Why"},
    ),
    "merges": (
        "Merges and splits",
        {"event": "Event", "merged_profile_id": "Merged", "surviving_profile_id": "Into",
         "merged_at": "When", "rule": "Rule"},
    ),
    "shared": (
        "Identifiers shared with other profiles",
        {"identifier": "Identifier", "with_identifier": "With", "of_profile": "Of profile",
         "rules": "Rules", "reason": "Reason"},
    ),
}  # fmt: skip


def _section(asked: Asked, name: str, profile: str) -> HtmlTable:
    title, columns = _COLUMNS[name]
    content = profile_sections.read(asked.lake, name, profile)
    if isinstance(content, dict):
        return HtmlTable(title, columns, missing=content["missing"])
    shaped = _SHAPES.get(name, _as_read)
    return HtmlTable(title, columns, [shaped(asked, profile, row) for row in content])


def _as_read(_: Asked, __: str, row: dict[str, Any]) -> dict[str, Any]:
    return row


def _trait(asked: Asked, _: str, row: dict[str, Any]) -> dict[str, Any]:
    value = asked.reader.trait(row["trait"], row["value"])
    return {**row, "value": value, "record_id": asked.hide(row["record_id"])}


def _shared(asked: Asked, _: str, row: dict[str, Any]) -> dict[str, Any]:
    def end(text: str) -> str:
        kind, _, value = text.partition(":")
        return f"{kind}:{asked.hide(value)}"

    other = Anchor(row["of_profile"][:12], f"/people/{quote(row['of_profile'])}")
    ends = {name: end(row[name]) for name in ("identifier", "with_identifier")}
    return {**row, **ends, "of_profile": other}


def _segment(_: Asked, profile: str, row: dict[str, Any]) -> dict[str, Any]:
    name = quote(row["segment"])
    link = Anchor(row["segment"], f"/segments/{name}")
    return {**row, "segment": link, "why": Anchor("why", f"/people/{profile}/segments/{name}")}


def _sent(_: Asked, profile: str, row: dict[str, Any]) -> dict[str, Any]:
    name = quote(row["sync"])
    link = Anchor(row["sync"], f"/syncs/{name}")
    return {**row, "sync": link, "why": Anchor("why", f"/people/{profile}/syncs/{name}")}


def _consent(asked: Asked, _: str, row: dict[str, Any]) -> dict[str, Any]:
    badge = Badge(row["status"], _KINDS.get(row["status"], "plain"))
    return {**row, "status": badge, "record_id": asked.hide(row["record_id"])}


_SHAPES: Mapping[str, Callable[[Asked, str, dict[str, Any]], dict[str, Any]]] = {
    "traits": _trait,
    "shared": _shared,
    "segments": _segment,
    "sent": _sent,
    "consent": _consent,
}


def timeline(asked: Asked) -> HtmlAnswer:
    """Events, orders, messages and rows sent of the last days, newest first."""
    person = _person(asked, "/timeline")
    profile = person["profile"]
    parts = [_part(asked, kind, profile) for kind in _TIMES]
    rows = sorted((row for part in parts for row in part.rows), key=lambda r: r["at"], reverse=True)
    missing = [part.missing for part in parts if part.missing]
    columns = {"at": "When", "kind": "Kind", "what": "What", "detail": "Detail"}
    caption = f"The {_DAYS} days up to the newest run, at most {_EVENTS} of each kind"
    table = HtmlTable(caption, columns, rows, "Nothing in these days.")
    return HtmlAnswer("person_timeline.html", {**person, "table": table, "missing": missing})


# Kind: relation, stage, columns `at`, `what` and `detail`. None names the person.
_TIMES: Mapping[str, tuple[str, str, str, str]] = {
    "event": (
        "marts.events", "marts", "event_at",
        "event as what, concat_ws(', ', page_name, category, brand, device_type) as detail",
    ),
    "order": (
        "marts.orders", "marts", "ordered_at",
        "'order ' || status as what, net_revenue || ' in ' || items || ' item(s)' as detail",
    ),
    "message": (
        "marts.messages", "marts", "occurred_at",
        "channel || ' ' || event_type as what, campaign_name as detail",
    ),
    "ticket": (
        "marts.tickets", "marts", "created_at",
        "'ticket ' || status as what, concat_ws(', ', channel, category, priority) as detail",
    ),
    "sent": (
        "activation.sync_changelog", "acknowledge", "sent_at",
        "operation || ' ' || status as what, concat_ws(': ', sync, nullif(reason, '')) as detail",
    ),
}  # fmt: skip


def _part(asked: Asked, kind: str, profile: str) -> Relation:
    relation, stage, at, columns = _TIMES[kind]
    # Rows sent have the wall clock, the others that of the data.
    since = (
        "current_timestamp"
        if kind == "sent"
        else "(select max(as_of) from lake.observability.clock)"
    )
    return asked.read(
        relation,
        stage,
        f"select {at} as at, '{kind}' as kind, {columns} from {{relation}}"
        f" where profile_id = ? and {at} >= cast({since} as timestamp) - interval {_DAYS} day"
        f" order by {at} desc limit {_EVENTS}",
        [profile],
    )


def identity(asked: Asked) -> HtmlAnswer:
    """The identifiers of a person and the links between them, drawn and listed."""
    person = _person(asked, "/identity")
    links = evidence.links_of(asked.lake, person["profile"])
    nodes = identity_graph.names(links, asked.hide)
    rows = [
        {
            "from": nodes[evidence.ends(link)[0]],
            "to": nodes[evidence.ends(link)[1]],
            "rule": link["rule"],
            "first_seen_at": link["first_seen_at"],
            "source": link["source"],
            "record": asked.hide(link["record_id"]),
            "records": link["records"],
        }
        for link in links[:_EVENTS]
    ]
    columns = {
        "from": "Identifier", "to": "Identifier", "rule": "Rule", "first_seen_at": "First seen",
        "source": "Source", "record": "Record", "records": "Records",
    }  # fmt: skip
    table = HtmlTable("Links that join this person, the strongest first", columns, rows)
    drawn = identity_graph.drawn(links, nodes)
    return HtmlAnswer(
        "person_identity.html",
        {
            **person,
            "plot": drawn,
            "table": table,
            "shared": _section(asked, "shared", person["profile"]),
        },
    )


def reasons(asked: Asked) -> HtmlAnswer:
    """What moved each score, and links to the reasons of segments and syncs."""
    person = _person(asked, "/reasons")
    profile = person["profile"]
    found = asked.read(
        "ml.score_reasons",
        "score",
        "select model, feature, value, usual, effect from {relation} where profile_id = ?"
        " qualify rank() over (partition by model order by as_of desc) = 1 order by model, rank",
        [profile],
    )
    for row in found.rows:
        for name in ("value", "usual"):
            row[name] = asked.reader.trait(row["feature"], row[name])
    columns = {
        "model": "Model", "feature": "Feature", "value": "Value", "usual": "Usual value",
        "effect": "Effect on the score",
    }  # fmt: skip
    syncs, _ = sync_files.load_each(asked.settings)
    return HtmlAnswer(
        "person_reasons.html",
        {
            **person,
            "table": found.table("Why each score, the strongest reason first", columns),
            "segments": list(deployed.load_all(asked.settings, asked.lake)),
            "syncs": list(syncs),
        },
    )


def why_segment(asked: Asked) -> HtmlAnswer:
    """Why a person is in a segment or not, condition by condition."""
    person = _person(asked, "/reasons")
    name = asked.path["segment"]
    segment, state = deployed.evaluated(asked.settings, asked.lake, name)
    found = membership.explanation(asked.lake, segment, person["profile"])
    rows = [
        {
            **row,
            "values": asked.reader.named_values(row["values"]),
            "verdict": Badge(row["verdict"], _KINDS.get(row["verdict"], "plain")),
        }
        for row in found["conditions"]
    ]
    columns = {"condition": "Condition", "rule": "Rule", "values": "Values", "verdict": "Verdict"}
    facts = {
        "State of the rule": state,
        "Members": found["segment_size"],
        **{key.replace("_", " "): value for key, value in (found["dwell"] or {}).items()},
        **{key.replace("_", " "): value for key, value in found["consent"].items()},
    }
    return HtmlAnswer(
        "person_why.html",
        {
            **person,
            "title": f"Why {name}",
            "answer": found["answer"],
            "tables": [HtmlTable("Conditions", columns, rows, "Free SQL has no conditions.")],
            "facts": facts,
        },
    )


def why_sync(asked: Asked) -> HtmlAnswer:
    """Why a sync sends to a person or does not."""
    person = _person(asked, "/reasons")
    name = asked.path["sync"]
    found = explain.person(asked.settings, name, person["profile"])
    inside = {"segment": "Segment of the sync", "is_in": "Is in it", "since": "Since"}
    done = {"sent_at": "When", "operation": "Operation", "status": "Status", "reason": "Reason"}
    facts = {
        key.replace("_", " "): value
        for key, value in found.items()
        if key not in {"answer", "segments", "changes", "profile_id", "sync"}
    }
    return HtmlAnswer(
        "person_why.html",
        {
            **person,
            "title": f"Why {name}",
            "answer": found["answer"],
            "tables": [
                HtmlTable("Segments", inside, found["segments"], "The person is in none."),
                HtmlTable("What was done", done, found["changes"], "Nothing yet."),
            ],
            "facts": facts,
        },
    )


PAGE = ConsolePage(
    "People",
    20,
    (
        ConsoleRoute("/people", search),
        ConsoleRoute("/people", find, "POST"),
        ConsoleRoute("/people/{profile}", overview),
        ConsoleRoute("/people/{profile}/timeline", timeline),
        ConsoleRoute("/people/{profile}/identity", identity),
        ConsoleRoute("/people/{profile}/reasons", reasons),
        ConsoleRoute("/people/{profile}/segments/{segment}", why_segment),
        ConsoleRoute("/people/{profile}/syncs/{sync}", why_sync),
    ),
)
