{#- Where a source is read again: links of the identifiers that its claims name, put together from
    all claims. -#}
{% macro restated_links(said, values, known) -%}
{% set key = "md5(concat_ws(chr(31), rule, left_type, left_identifier, right_type, "
    ~ "right_identifier))" -%}
with

touched as (
    select distinct
        {{ key }} as link_id, left_type, left_identifier
    from ({{ stated_links(said, known) }}) as stated
),

held as (
    select links.* from {{ kept('identifier_links') }} as links
    semi join touched on links.link_id = touched.link_id
),

spellings as (
    select lefts.identifier_type, lefts.value
    from {{ ref('identifier_values') }} as lefts
    semi join touched
        on lefts.identifier_type = touched.left_type and lefts.identifier = touched.left_identifier
),

claims as (
    select claims.* from {{ ref('identifier_claims') }} as claims
    semi join spellings
        on claims.left_type = spellings.identifier_type and claims.left_value = spellings.value
    where claims.rule <> 'seen'
),

heard as (
    select stated.* from ({{ stated_links("select * from claims", values) }}) as stated
    where {{ key }} in (select link_id from touched)
),

gathered as (
    {{ gathered_links("select * from heard", ref('identifiers')) }}
)

select
    gathered.*,
    coalesce(gathered.first_seen_at <> held.first_seen_at, true) as is_moved
from gathered
left join held on gathered.link_id = held.link_id
union all
select held.* replace (0 as records), true
from held
anti join gathered on held.link_id = gathered.link_id
{%- endmacro %}

{#-
Where there is only more than there was: what is stated now, added to what is held of the same
links. Those are found by their nodes, and only what can change is read of them, for it is read of
every link there is.
-#}
{% macro added_links(statements) -%}
with

fresh as (
    {{ gathered_links(statements, ref('identifier_changes')) }}
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
