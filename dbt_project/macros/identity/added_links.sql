{#-
Adds what is stated now to the existing rows of the same links; for runs with additions only. Links
are found by their nodes, and only columns that can change are read, because they are read of every
link. nodes: a relation with the identifiers that the statements name.
-#}
{% macro added_links(statements, nodes) -%}
with

fresh as (
    {{ gathered_links(statements, nodes) }}
),

existing as (
    select
        links.rule, links.left_node, links.right_node, links.first_seen_at, links.last_seen_at,
        links.source,
        links.record_id, links.records
    from {{ kept('identifier_links') }} as links
    semi join fresh
        on links.left_node = fresh.left_node and links.right_node = fresh.right_node
            and links.rule = fresh.rule
),

compared as (
    select
        fresh.*,
        existing.first_seen_at as existing_first_seen_at,
        existing.last_seen_at as existing_last_seen_at,
        existing.source as existing_source,
        existing.record_id as existing_record_id,
        existing.records as existing_records,
        coalesce(
            (existing.first_seen_at, existing.source, existing.record_id)
            < (fresh.first_seen_at, fresh.source, fresh.record_id), false
        ) as is_existing_first
    from fresh
    left join existing
        on fresh.left_node = existing.left_node and fresh.right_node = existing.right_node
            and fresh.rule = existing.rule
)

select
    link_id, left_type, left_identifier, right_type, right_identifier, rule, strength,
    case when is_existing_first then existing_first_seen_at else first_seen_at end as first_seen_at,
    greatest(last_seen_at, coalesce(existing_last_seen_at, last_seen_at)) as last_seen_at,
    case when is_existing_first then existing_source else source end as source,
    case when is_existing_first then existing_record_id else record_id end as record_id,
    records + coalesce(existing_records, 0) as records,
    left_node,
    right_node,
    coalesce(first_seen_at < existing_first_seen_at, true) as is_moved
from compared
{%- endmacro %}
