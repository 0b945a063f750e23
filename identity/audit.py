"""Profiles that may be two people: what is odd about each, and what an operator decided about it.
For ``segmentry identity audit`` and ``segmentry identity verdict``.

Each signal is one query or one walk through the links, and gives points and a sentence of evidence
without any identifier. Points are comparable: 1 is worth a look, 5 is the most of one signal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import duckdb
import networkx as nx

from segmentry import clock, warehouse
from segmentry.errors import UsageError
from segmentry.operators import current_operator, stated_reason
from segmentry.settings import Settings

VERDICTS = "identity.audit_verdicts"
FINE = "fine"
WRONG = "wrong"
# Links of this rule and of weaker ones record a use, and no owner.
WEAK_FROM = "order"
# Parts of a profile that one weak link joins are reported from so many identifiers each on.
LEAST_PART = 3
# A larger profile is reported by its size; a walk through its links would take long.
LARGEST_WALK = 5_000
_MOST_POINTS = 5.0

Signal = tuple[str, float, str]

# Each returns profile_id, points and the evidence. Names are compared as Jaro-Winkler similarity
# (Winkler 1990), 1 for equal; under 0.75 two spellings are two names.
_QUERIES = {
    "size": """
        with sizes as (
            select profile_id, count(*) as n from lake.identity.identifier_mapping group by all
        ),
        usual as (
            select median(n) as middle, quantile_cont(n, 0.999) as most from sizes
        )
        select profile_id, 1 + log2(n / greatest(most, 12)),
            n || ' identifiers, where half of all profiles have at most ' || cast(middle as integer)
        from sizes cross join usual
        where n > greatest(most, 12)""",
    "names": """
        with named as (
            select mapping.profile_id, lower(strip_accents(contacts.first_name)) as first_name,
                lower(strip_accents(contacts.last_name)) as last_name
            from lake.staging.stg_crm_contacts__contacts as contacts
            inner join lake.identity.identifier_mapping as mapping
                on mapping.identifier_type = 'crm_id' and mapping.identifier = contacts.contact_id
            where contacts.first_name is not null and contacts.last_name is not null
            group by all
        )
        select one.profile_id, 1 + count(*),
            count(*) || ' pair(s) of contacts with different first and last names'
        from named as one
        inner join named as other on one.profile_id = other.profile_id
            and (one.last_name, one.first_name) < (other.last_name, other.first_name)
        where jaro_winkler_similarity(one.first_name, other.first_name) < 0.75
            and jaro_winkler_similarity(one.last_name, other.last_name) < 0.75
            and jaro_winkler_similarity(one.first_name, other.last_name) < 0.75
        group by one.profile_id""",
    "birth_dates": """
        select mapping.profile_id, 1.0 + count(distinct contacts.birth_date) - 1,
            count(distinct contacts.birth_date) || ' different birth dates'
        from lake.staging.stg_crm_contacts__contacts as contacts
        inner join lake.identity.identifier_mapping as mapping
            on mapping.identifier_type = 'crm_id' and mapping.identifier = contacts.contact_id
        where contacts.birth_date is not null
        group by mapping.profile_id
        having count(distinct contacts.birth_date) > 1""",
    "two_countries": """
        with visits as (
            select profile_id, country, started_at,
                lag(country) over (partition by profile_id order by started_at, session_id)
                    as country_before,
                lag(ended_at) over (partition by profile_id order by started_at, session_id)
                    as ended_before
            from lake.marts.sessions
            where profile_id is not null and country is not null
        )
        select profile_id, least(count(*), 5),
            count(*) || ' visit(s) from a country that began within an hour of one from another'
        from visits
        where country <> country_before and started_at < ended_before + interval 1 hour
        group by profile_id
        having count(*) > 1""",
    "growth": """
        with grown as (
            select profile_id, count(*) as n,
                count(*) filter (where first_seen_at >= $as_of - interval 7 day) as new
            from lake.identity.identifier_mapping group by profile_id
        )
        select profile_id, new / 5.0, new || ' of ' || n || ' identifiers are of the last 7 days'
        from grown where new >= 5 and n > new and new >= n / 2""",
    "swapped": """
        with moved as (
            select identifier_type, identifier, profile_id as now_of, valid_from,
                lag(profile_id) over (partition by identifier_type, identifier order by valid_from)
                    as before_of
            from lake.identity.id_mapping_scd
        )
        select one.now_of, 3 + count(*) / 10.0,
            count(*) || ' identifier(s) changed places with another profile''s, on '
                || strftime(min(one.valid_from), '%Y-%m-%d')
        from moved as one
        inner join moved as other
            on one.now_of = other.before_of and one.before_of = other.now_of
                and one.identifier_type = other.identifier_type
                and one.valid_from = other.valid_from
        where one.now_of <> one.before_of
        group by one.now_of""",
}
# What each query reads besides the identifiers; it is left out where that is not there yet.
_READS = {
    "names": "staging.stg_crm_contacts__contacts",
    "birth_dates": "staging.stg_crm_contacts__contacts",
    "two_countries": "marts.sessions",
    "swapped": "identity.id_mapping_scd",
}
_LINKS = f"""
    with sizes as (
        select profile_id from lake.identity.identifier_mapping group by profile_id
        having count(*) between {2 * LEAST_PART} and {LARGEST_WALK}
    ),
    weak as (
        select strength from lake.identity.policy_links where rule = '{WEAK_FROM}'
    )
    select mapping.profile_id, links.left_node, links.right_node, links.left_type, links.right_type,
        arg_min(links.rule, links.strength) as rule,
        min(links.strength) >= (select strength from weak) as is_weak
    from lake.identity.identifier_links as links
    anti join lake.identity.refused_links as refused on links.link_id = refused.link_id
    inner join lake.identity.identifier_mapping as mapping
        on links.left_type = mapping.identifier_type and links.left_identifier = mapping.identifier
    inner join sizes on mapping.profile_id = sizes.profile_id
    group by all
    order by mapping.profile_id, links.left_node, links.right_node"""


@dataclass
class Suspicion:
    """One profile with what is odd about it. verdict: the operator's, if there is one."""

    profile_id: str
    points: float = 0.0
    signals: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    verdict: str | None = None


def suspicious(
    lake: duckdb.DuckDBPyConnection, limit: int,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Suspicion]:  # fmt: skip
    """The profiles most likely to be two people, the oddest first; at most ``limit``.

    One that was found fine is left out until it has other identifiers than then.
    """
    warehouse.require(lake, "identity.identifier_mapping", made_by="identity")
    as_of = clock.read_from(lake)
    found: dict[str, Suspicion] = {}
    steps = [*_QUERIES, "bridge"]
    for number, name in enumerate(steps, 1):
        progress(f"{number} of {len(steps)}: {name.replace('_', ' ')}")
        signals = _bridges(lake) if name == "bridge" else _asked(lake, name, as_of)
        for profile_id, points, evidence in signals:
            one = found.setdefault(profile_id, Suspicion(profile_id))
            one.points = round(one.points + min(float(points), _MOST_POINTS), 2)
            one.signals.append(name)
            one.evidence.append(evidence)
    _judge(lake, found)
    listed = [one for one in found.values() if one.verdict != FINE]
    return sorted(listed, key=lambda one: (-one.points, one.profile_id))[:limit]


def decide(settings: Settings, profile_id: str, verdict: str, reason: str | None) -> None:
    """Record that a profile is fine or wrong, with the reason, the operator and its identifiers as
    they are now.
    """
    why = stated_reason(reason, f"the verdict '{verdict}'")
    at = clock.read(settings)
    with warehouse.connect(settings) as lake:
        lake.execute(
            f"create table if not exists lake.{VERDICTS} (profile_id varchar, verdict varchar,"
            " reason varchar, operator varchar, identifiers varchar, decided_at timestamp)"
        )
        lake.execute("begin")
        lake.execute(f"delete from lake.{VERDICTS} where profile_id = ?", [profile_id])
        lake.execute(
            f"insert into lake.{VERDICTS} select ?, ?, ?, ?, fingerprint, ? from ({_MARKS})"
            " where profile_id = ?",
            [profile_id, verdict, why, current_operator(), at, profile_id],
        )
        lake.execute("commit")


# A profile's identifiers as one value, which changes when one comes or goes.
_MARKS = """
    select profile_id,
        md5(string_agg(identifier_type || ':' || identifier, ' ' order by identifier_type,
            identifier)) as fingerprint
    from lake.identity.identifier_mapping group by profile_id"""


def _judge(lake: duckdb.DuckDBPyConnection, found: dict[str, Suspicion]) -> None:
    if not warehouse.relation_exists(lake, VERDICTS):
        return
    rows = lake.execute(
        f"select verdicts.profile_id, verdicts.verdict from lake.{VERDICTS} as verdicts"
        f" inner join ({_MARKS}) as marks on verdicts.profile_id = marks.profile_id"
        " where verdicts.identifiers = marks.fingerprint"
    ).fetchall()
    for profile_id, verdict in rows:
        if profile_id in found:
            found[profile_id].verdict = str(verdict)


def _asked(lake: duckdb.DuckDBPyConnection, name: str, as_of: Any) -> Iterator[Signal]:
    if name in _READS and not warehouse.relation_exists(lake, _READS[name]):
        return
    query = _QUERIES[name]
    values = {"as_of": as_of} if "$as_of" in query else None
    yield from lake.execute(query, values).fetchall()


def _bridges(lake: duckdb.DuckDBPyConnection) -> Iterator[Signal]:
    """Profiles in which one weak link alone joins two parts of several identifiers each."""
    rows: Iterator[Sequence[Any]] = iter(lake.execute(_LINKS).fetchall())
    for profile_id, links in groupby(rows, key=lambda row: str(row[0])):
        graph = nx.Graph()
        for _, left, right, left_type, right_type, rule, is_weak in links:
            graph.add_node(left, kind=left_type)
            graph.add_node(right, kind=right_type)
            is_kept = graph.has_edge(left, right) and not graph[left][right]["is_weak"]
            graph.add_edge(left, right, rule=rule, is_weak=is_weak and not is_kept)
        cut = _worst_bridge(graph)
        if cut is not None:
            rule, smaller, larger = cut
            yield (
                profile_id,
                1 + smaller / 3,
                f"one link alone, of the rule {rule}, joins {smaller} identifiers with {larger}",
            )


def _worst_bridge(graph: nx.Graph) -> tuple[str, int, int] | None:
    """The rule of the weak link that joins the two largest parts, and their sizes; None without
    one.
    """
    worst: tuple[str, int, int] | None = None
    for left, right in nx.bridges(graph):
        edge = graph[left][right]
        if not edge["is_weak"]:
            continue
        part = _side(graph, left, right)
        sizes = sorted((len(part), len(graph) - len(part)))
        is_two = all(_is_dense(graph.subgraph(side)) for side in (part, set(graph) - part))
        if sizes[0] >= LEAST_PART and is_two and (worst is None or sizes[0] > worst[1]):
            worst = (str(edge["rule"]), sizes[0], sizes[1])
    return worst


def _side(graph: nx.Graph, start: Any, other: Any) -> set[Any]:
    """What can be reached from one end of a bridge without it."""
    reached = {start}
    waiting = [start]
    while waiting:
        node = waiting.pop()
        for near in graph[node]:
            if near not in reached and {node, near} != {start, other}:
                reached.add(near)
                waiting.append(near)
    return reached


def _is_dense(part: nx.Graph) -> bool:
    """Whether a part would be a person by itself: links that confirm each other, and an identifier
    that a person chose or was given.
    """
    is_confirmed = part.number_of_edges() >= part.number_of_nodes()
    return is_confirmed and any(
        kind not in {"cookie", "device_id"} for _, kind in part.nodes(data="kind")
    )


def profile_of(lake: duckdb.DuckDBPyConnection, profile_id: str) -> str:
    """The profile, or UsageError where there is none of that id now."""
    row = lake.execute(
        "select 1 from lake.identity.identifier_mapping where profile_id = ? limit 1", [profile_id]
    ).fetchone()
    if row is None:
        raise UsageError(
            "there is no profile of that id now",
            allowed="a profile_id that `segmentry identity audit` lists",
            remedy="list them again: profiles may have been joined since",
        )
    return profile_id
