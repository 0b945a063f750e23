"""What is known of one profile, section by section, as relations of the lake have it.
``segmentry profile`` and the console read it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segmentry import row_profile, tables, warehouse

if TYPE_CHECKING:
    import duckdb

Section = list[dict[str, Any]] | dict[str, str]

# Section: the relation it is read from, the stage that makes that, and the query with one mark for
# the profile_id.
SECTIONS: dict[str, tuple[str, str, str]] = {
    "identifiers": (
        "identity.identifier_mapping",
        "identity",
        # Links are joined by each end apart: a join on either end would compare every link.
        """with own as (
            select * from identity.identifier_mapping where profile_id = ?
        ),
        ends as (
            select links.left_type as identifier_type, links.left_identifier as identifier, links.*
            from identity.identifier_links as links
            inner join own on links.left_type = own.identifier_type
                and links.left_identifier = own.identifier
            union all
            select links.right_type, links.right_identifier, links.*
            from identity.identifier_links as links
            inner join own on links.right_type = own.identifier_type
                and links.right_identifier = own.identifier
        ),
        accepted as (
            select * from ends anti join identity.refused_links using (link_id)
        )
        select own.identifier_type, own.identifier, own.first_seen_at, own.last_seen_at,
            count(distinct accepted.link_id) as links,
            string_agg(distinct accepted.rule, ', ' order by accepted.rule) as rules,
            -- The strongest link's record; for an identifier without links, the record that has
            -- it.
            coalesce(
                min_by(
                    accepted.source || ' ' || accepted.record_id,
                    (accepted.strength, accepted.link_id)
                ),
                min(stated.source || ' ' || stated.record_id)
            ) as evidence
        from own
        left join identity.identifier_values as stated using (identifier_type, identifier)
        left join accepted using (identifier_type, identifier)
        group by all
        order by own.first_seen_at, own.identifier_type, own.identifier""",
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


def read(lake: duckdb.DuckDBPyConnection, name: str, profile_id: str) -> Section:
    """Rows of a section; where its relation is missing, ``missing`` with the stage that makes
    it.
    """
    relation, stage, query = SECTIONS[name]
    if not warehouse.relation_exists(lake, relation):
        return {"missing": f"not there yet; the stage '{stage}' makes {relation}"}
    columns = tables.column_names(lake, f"lake.{relation}")
    query = query.replace("{row_profile}", row_profile.sql(columns, "profile_id"))
    return warehouse.records(lake, query, [profile_id])
