{#- One sync's people, each with the first reason that keeps them back, or 'eligible'.
    sync: name, segments (none for all), past_members, every_profile (members or not),
    key, address (none where no message is sent),
    address_type, purpose (none where people are removed, which nobody is kept back from), channel,
    suppressing_channels (those of which a suppression keeps a person back),
    needs_grant, opt_in_countries, share, salt, exclusive_group, priority. -#}
{% macro judged_candidates(sync) -%}
{%- set address = normalize_identifier("'" ~ sync.address_type ~ "'", 'people.' ~ sync.address,
    'people.country') -%}
select
    '{{ sync.name }}' as sync,
    '{{ sync.exclusive_group }}' as exclusive_group,
    {{ sync.priority }} as priority,
    people.profile_id,
    {{ sync.key }} as contact,
    case
        when {{ sync.key }} is null then 'no_key'
        {% if sync.address -%}
        when {{ address }} is null then 'no_address'
        {% endif -%}
        {% if sync.purpose -%}
        when suppressed_profiles.profile_id is not null then 'suppressed'
        {% endif -%}
        {% if sync.address -%}
        when suppressed_addresses.identifier is not null then 'suppressed'
        when addresses.is_refused then 'refused'
        {% endif -%}
        when standings.is_refused then 'refused'
        {% if sync.needs_grant and sync.address -%}
        when coalesce(addresses.is_granted, false) = false then 'unknown_consent'
        {% elif sync.needs_grant -%}
        when coalesce(standings.is_granted, false) = false then 'unknown_consent'
        {% elif sync.opt_in_countries -%}
        when coalesce(standings.is_granted, false) = false
            and people.country in ('{{ sync.opt_in_countries | join("', '") }}')
                then 'unknown_consent'
        {% endif -%}
        {% if sync.share -%}
        when {{ stable_share("'" ~ sync.salt ~ ":' || people.profile_id") }} < {{ sync.share }}
            then 'held_out'
        {% endif -%}
        else 'eligible'
    end as verdict
from profiles as people
inner join (
    {% if sync.every_profile -%}
    select profile_id from profiles
    {% else -%}
    select distinct profile_id
    from {{ 'past_members' if sync.past_members else 'members' }}
    {% if sync.segments -%}
    where segment in ('{{ sync.segments | join("', '") }}')
    {% endif -%}
    {% endif -%}
) as wanted
    on people.profile_id = wanted.profile_id
left join (
    select distinct profile_id from suppressed_profiles
    where channel in ('{{ sync.suppressing_channels | join("', '") }}')
) as suppressed_profiles
    on people.profile_id = suppressed_profiles.profile_id
left join standings
    on
        people.profile_id = standings.profile_id
        and standings.purpose = '{{ sync.purpose }}'
        and standings.channel = '{{ sync.channel }}'
{% if sync.address -%}
left join (
    select distinct identifier from suppressed_addresses
    where
        identifier_type = '{{ sync.address_type }}'
        and channel in ('{{ sync.suppressing_channels | join("', '") }}')
) as suppressed_addresses
    on suppressed_addresses.identifier = {{ address }}
left join addresses
    on
        addresses.identifier_type = '{{ sync.address_type }}'
        and addresses.identifier = {{ address }}
        and addresses.purpose = '{{ sync.purpose }}'
        and addresses.channel = '{{ sync.channel }}'
{% endif -%}
{%- endmacro %}
