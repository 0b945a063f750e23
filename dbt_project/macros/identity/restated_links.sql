{#- Where a source is read again: links of the identifiers that its claims name, put together from
    all claims. -#}
{% macro restated_links(said, values, known, all_claims) -%}
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
    select claims.* from {{ all_claims }} as claims
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
