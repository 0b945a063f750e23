"""``segmentry profile``: all data of one person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli._output import Output, OutputOption, print_json, show
from cli._reading import lake_of
from identity import people
from segmentry import row_profile, tables, warehouse
from segmentry.settings import Settings

if TYPE_CHECKING:
    import duckdb

Section = list[dict[str, Any]] | dict[str, str]

# Section: the relation it is read from, the stage that makes that, and the query with one mark for
# the profile_id.
_SECTIONS: dict[str, tuple[str, str, str]] = {
    "identifiers": (
        "identity.identifier_mapping",
        "identity",
        """select mapping.identifier_type, mapping.identifier,
            mapping.first_seen_at, mapping.last_seen_at,
            count(distinct links.link_id) as links,
            string_agg(distinct links.rule, ', ' order by links.rule) as rules,
            -- The strongest link's record; for an identifier without links, the record that has
            -- it.
            coalesce(
                min_by(links.source || ' ' || links.record_id, (links.strength, links.link_id)),
                min(stated.source || ' ' || stated.record_id)
            ) as evidence
        from identity.identifier_mapping as mapping
        left join identity.identifier_values as stated using (identifier_type, identifier)
        left join (
            select * from identity.identifier_links anti join identity.refused_links using (link_id)
        ) as links
            on (links.left_type = mapping.identifier_type
                and links.left_identifier = mapping.identifier)
            or (links.right_type = mapping.identifier_type
                and links.right_identifier = mapping.identifier)
        where mapping.profile_id = ?
        group by all
        order by mapping.first_seen_at, mapping.identifier_type, mapping.identifier""",
    ),
    "shared": (
        "identity.refused_links",
        "identity",
        """with ends as (
            select left_type as kind, left_identifier as value, right_type as other_type,
                right_identifier as other, rule, reason from identity.refused_links
            union all
            select right_type, right_identifier, left_type, left_identifier, rule, reason
            from identity.refused_links
        )
        select ends.kind || ':' || ends.value as identifier,
            ends.other_type || ':' || ends.other as with_identifier,
            theirs.profile_id as of_profile,
            string_agg(distinct ends.rule, ', ' order by ends.rule) as rules, ends.reason
        from identity.identifier_mapping as own
        inner join ends on own.identifier_type = ends.kind and own.identifier = ends.value
        inner join identity.identifier_mapping as theirs
            on ends.other_type = theirs.identifier_type and ends.other = theirs.identifier
        where own.profile_id = ? and (ends.reason = 'hub' or starts_with(ends.reason, 'shared_'))
        group by all
        order by identifier, with_identifier
        limit 100""",
    ),
    "merges": (
        "identity.merge_events",
        "identity",
        """select event, merged_profile_id, surviving_profile_id, merged_at, rule, evidence
        from identity.merge_events where ? in (merged_profile_id, surviving_profile_id)
        order by merged_at, merged_profile_id""",
    ),
    "traits": (
        "identity.trait_provenance",
        "identity",
        """select trait, value, source, record_id, observed_at, strategy
        from identity.trait_provenance where profile_id = ? order by trait""",
    ),
    "scores": (
        "ml.scores",
        "score",
        """select model, score, model_version, as_of from ml.scores where profile_id = ?
        qualify row_number() over (partition by model order by as_of desc) = 1 order by model""",
    ),
    "clusters": (
        "ml.cluster_assignments",
        "score",
        """select persona, cluster_id, confidence, as_of from ml.cluster_assignments
            where profile_id = ?
        order by as_of desc limit 1""",
    ),
    "segments": (
        "segments.segment_memberships",
        "segments",
        (
            "select segment, entered_at from segments.segment_memberships where profile_id = ?"
            " order by segment"
        ),
    ),
    "consent": (
        "marts.consents",
        "marts",
        """select purpose, channel, status, decided_at, source, record_id from marts.consents
            where profile_id = ?
        qualify row_number() over (partition by purpose, channel
            order by decided_at desc, decision_id desc) = 1
        order by purpose, channel""",
    ),
    "restrictions": (
        "activation.restrictions",
        "load",
        """select distinct r.kind, r.purpose, r.since, r.restriction_id as restriction
        from activation.restrictions as r
        inner join identity.identifier_mapping as m using (identifier_type, identifier)
        where m.profile_id = ? and r.lifted_at is null
        order by r.since, restriction""",
    ),
    "sent": (
        "activation.sync_snapshot",
        "acknowledge",
        """select sync, count(*) as rows_acknowledged, max(acknowledged_at) as acknowledged_at
        from activation.sync_snapshot where {row_profile} = ? group by sync
            order by sync""",
    ),
}


def command(
    identifier: Annotated[
        str, typer.Argument(help="profile_id, or type:value such as email:ann@example.com")
    ],
    output: OutputOption = Output.table,
) -> None:
    """Show one person: identifiers with evidence, traits with provenance, scores, segments,
    consent, what was sent.

    Example: segmentry profile email:ann@example.com
    """
    settings = Settings.from_environment()
    with lake_of(settings) as lake:
        profile_id = people.profile_named(lake, identifier)
        sections = {name: _section(lake, name, profile_id) for name in _SECTIONS}
    if output is Output.json:
        print_json({"profile_id": profile_id, **sections})
        return
    print(f"profile_id {profile_id}")
    for name, content in sections.items():
        print()
        if isinstance(content, dict):
            print(f"{name}: {content['missing']}")
        else:
            show(content, output, title=name, empty=f"{name}: none")


def _section(lake: duckdb.DuckDBPyConnection, name: str, profile_id: str) -> Section:
    relation, stage, query = _SECTIONS[name]
    if not warehouse.relation_exists(lake, relation):
        return {"missing": f"not there yet; the stage '{stage}' makes {relation}"}
    columns = tables.column_names(lake, f"lake.{relation}")
    query = query.replace("{row_profile}", row_profile.sql(columns, "profile_id"))
    return warehouse.records(lake, query, [profile_id])
