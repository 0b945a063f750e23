{{ config(materialized='transient', database='memory') }}
{% set replaced = replaced_sources() -%}
{% set is_reread = "source in ('" ~ replaced | join("', '") ~ "')" -%}
{% set kept_statements = kept('person_statements') -%}
{% set columns = 'source, identifier_type, value, first_name, last_name, birth_date, gender' -%}
with

contacts as (
    select * from {{ ref('stg_crm_contacts__contacts') }}
    where coalesce(created_at, updated_at) < {{ as_of() }} and {{ unread_records('crm_contacts') }}
),

events as (
    select
        user_id,
        {{ json_text('traits', 'firstName') }} as first_name,
        {{ json_text('traits', 'lastName') }} as last_name,
        trait_birthday as birth_date,
        trait_gender as gender
    from {{ ref('stg_events__events') }}
    where
        event_at < {{ as_of() }} and {{ unread_records('events') }}
        and user_id is not null and traits is not null
),

stated as (
    select 'crm_contacts' as source, 'crm_id' as identifier_type, contact_id as value, first_name,
        last_name, birth_date, gender
    from contacts
    union all
    select 'events', 'user_id', user_id, first_name, last_name, birth_date, gender
    from events
),

fresh as (
    select distinct
        source,
        identifier_type,
        value,
        lower(nullif(trim(first_name), '')) as first_name,
        lower(nullif(trim(last_name), '')) as last_name,
        cast(birth_date as varchar) as birth_date,
        lower(gender) as gender
    from stated
    where coalesce(nullif(trim(first_name), ''), nullif(trim(last_name), ''),
        cast(birth_date as varchar)) is not null
),

existing as (
    {% if is_partial() and kept_statements is not none -%}
    select {{ columns }} from {{ kept_statements }}
    {%- else -%}
    select {{ columns }} from fresh where false
    {%- endif %}
),

added as (
    select * from fresh
    except
    select * from existing
),

-- A source that is read again replaces what it stated; another one adds to it.
replaced as (
    select * from existing where {{ is_reread }}
    except
    select * from fresh
),

changed as (
    select * from added
    union all
    select * from replaced
),

affected as (
    select distinct source, identifier_type, value from changed
),

current_statements as (
    select * from fresh
    union
    select * from existing where not {{ is_reread }}
)

select current_statements.*, true as is_stated
from current_statements
semi join affected
    on current_statements.value = affected.value
        and current_statements.identifier_type = affected.identifier_type
        and current_statements.source = affected.source
union all
select source, identifier_type, value, null, null, null, null, false
from affected
