{{ config(
    materialized='incremental', incremental_strategy='delete+insert',
    unique_key=['identifier_type', 'identifier', 'valid_from'], full_refresh=false
) }}
{% do build_after(ref('merge_events')) -%}
with

previous as (
    select * from {{ ref('mapping_before') }}
),

mapping as (
    select * from {{ mapping_in_question() }} as mapping
),

open_periods as (
    {% if is_partial() -%}
    select * from previous
    {%- elif is_incremental() -%}
    select * from {{ this }} where valid_to is null
    {%- else -%}
    select
        cast(null as varchar) as identifier_type, cast(null as varchar) as identifier,
        cast(null as varchar) as profile_id, cast(null as timestamp) as valid_from,
        cast(null as timestamp) as valid_to
    where false
    {%- endif %}
),

changes as (
    select
        mapping.identifier_type,
        mapping.identifier,
        mapping.profile_id,
        mapping.first_seen_at,
        open_periods.profile_id as was,
        open_periods.valid_from,
        -- A change in a run whose as_of is not after the open period's start replaces that period.
        coalesce(open_periods.valid_from < {{ as_of() }}, false) as is_closing
    from mapping
    left join open_periods
        on mapping.identifier_type = open_periods.identifier_type
            and mapping.identifier = open_periods.identifier
    where mapping.profile_id is distinct from open_periods.profile_id
)

select identifier_type, identifier, was as profile_id, valid_from, {{ as_of() }} as valid_to
from changes
where is_closing
union all
select
    identifier_type,
    identifier,
    profile_id,
    case
        when was is null then first_seen_at
        when is_closing then {{ as_of() }}
        else valid_from
    end as valid_from,
    cast(null as timestamp) as valid_to
from changes
