{#- Where a source is read again: links of the identifiers that its claims name, put together from
    all claims. -#}
{% macro restated_links(changed_claims, values, known, all_claims) -%}
{% set key = "md5(concat_ws(chr(31), rule, left_type, left_identifier, right_type, "
    ~ "right_identifier))" -%}
with

affected as (
    select distinct
        {{ key }} as link_id, left_type, left_identifier
    from ({{ stated_links(changed_claims, known) }}) as stated
),

existing as (
    select links.* from {{ kept('identifier_links') }} as links
    semi join affected on links.link_id = affected.link_id
),

spellings as (
    select lefts.identifier_type, lefts.value
    from {{ ref('identifier_values') }} as lefts
    semi join affected
        on lefts.identifier_type = affected.left_type
            and lefts.identifier = affected.left_identifier
),

claims as (
    select claims.* from {{ all_claims }} as claims
    semi join spellings
        on claims.left_type = spellings.identifier_type and claims.left_value = spellings.value
    where claims.rule <> 'seen'
),

heard as (
    select stated.* from ({{ stated_links("select * from claims", values) }}) as stated
    where {{ key }} in (select link_id from affected)
),

gathered as (
    {{ gathered_links("select * from heard", ref('identifiers')) }}
)

select
    gathered.*,
    coalesce(gathered.first_seen_at <> existing.first_seen_at, true) as is_moved
from gathered
left join existing on gathered.link_id = existing.link_id
union all
select existing.* replace (0 as records), true
from existing
anti join gathered on existing.link_id = gathered.link_id
{%- endmacro %}
