{#-
Where there is only more than there was: what is stated now, added to what is held of the same
links. Those are found by their nodes, and only what can change is read of them, for it is read of
every link there is. nodes: a relation with the identifiers that the statements name.
-#}
{% macro added_links(statements, nodes) -%}
with

fresh as (
    {{ gathered_links(statements, nodes) }}
),

held as (
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
        held.first_seen_at as held_first_seen_at,
        held.last_seen_at as held_last_seen_at,
        held.source as held_source,
        held.record_id as held_record_id,
        held.records as held_records,
        coalesce(
            (held.first_seen_at, held.source, held.record_id)
            < (fresh.first_seen_at, fresh.source, fresh.record_id), false
        ) as is_held_first
    from fresh
    left join held
        on fresh.left_node = held.left_node and fresh.right_node = held.right_node
            and fresh.rule = held.rule
)

select
    link_id, left_type, left_identifier, right_type, right_identifier, rule, strength,
    case when is_held_first then held_first_seen_at else first_seen_at end as first_seen_at,
    greatest(last_seen_at, coalesce(held_last_seen_at, last_seen_at)) as last_seen_at,
    case when is_held_first then held_source else source end as source,
    case when is_held_first then held_record_id else record_id end as record_id,
    records + coalesce(held_records, 0) as records,
    left_node,
    right_node,
    coalesce(first_seen_at < held_first_seen_at, true) as is_moved
from compared
{%- endmacro %}
