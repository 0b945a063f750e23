{#-
Identifiers that one source states: first each identifier by itself, then the pairs that it links.

relation: a staging relation with record_id. observed_at: its time column. identifiers: identifier
type to column (or expression). links: [rule, left type, right type, optional condition]. aliases:
names used in identifiers that are of another type. country: column with the country of a national
phone number; no other claim has one. Records that state the same are one claim with first and last
time and the first record as evidence.
-#}
{% macro identifier_claims(relation, source, observed_at, identifiers, links=[], country='null',
    aliases={}) -%}
with

records as (
    select * from {{ relation }} where {{ observed_at }} < {{ as_of() }}
        and {{ unread_records(source) }}
),

statements as (
    select
        {%- for type, column in identifiers.items() %}
        cast({{ column }} as varchar) as {{ type }},
        {%- endfor %}
        cast({{ country }} as varchar) as country,
        min({{ observed_at }}) as first_seen_at,
        max({{ observed_at }}) as last_seen_at,
        min(struct_pack(at := {{ observed_at }}, record_id := record_id)) as first_record,
        count(*) as records
    from records
    group by all
),

claims as (
    {%- for type in identifiers %}
    select 'seen' as rule, '{{ aliases.get(type, type) }}' as left_type, {{ type }} as left_value,
        cast(null as varchar) as right_type, cast(null as varchar) as right_value,
        {{ 'country' if type == 'phone' else 'cast(null as varchar)' }} as country, first_seen_at,
        last_seen_at, first_record, records
    from statements
    where {{ type }} is not null
    union all
    {%- endfor %}
    {%- for link in links %}
    select '{{ link[0] }}', '{{ aliases.get(link[1], link[1]) }}', {{ link[1] }},
        '{{ aliases.get(link[2], link[2]) }}', {{ link[2] }},
        {{ 'country' if 'phone' in link[1:3] else 'null' }}, first_seen_at, last_seen_at,
        first_record, records
    from statements
    where {{ link[1] }} is not null and {{ link[2] }} is not null{% if link[3] %}
        and {{ link[3] }}{% endif %}
    union all
    {%- endfor %}
    select 'seen', null, null, null, null, null, null, null, null, null where false
)

select
    '{{ source }}' as source,
    rule,
    left_type,
    left_value,
    right_type,
    right_value,
    country,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at,
    min(first_record).record_id as record_id,
    cast(sum(records) as bigint) as records
from claims
group by all
{%- endmacro %}
