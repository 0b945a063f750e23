{#- One sync's people, each with the first reason that keeps them back, or 'eligible'.
    sync: name, segments (none for all), past_members, key, address (none where no message is sent), address_type,
    purpose (none where people are taken out, which nobody is kept back from), channel, needs_grant, opt_in_countries, share, salt, exclusive_group, priority. -#}
{% macro judged_candidates(sync) -%}
select
    '{{ sync.name }}' as sync,
    '{{ sync.exclusive_group }}' as exclusive_group,
    {{ sync.priority }} as priority,
    people.profile_id,
    {{ sync.key }} as contact,
    case
        when {{ sync.key }} is null then 'no_key'
        {% if sync.address -%}
        when {{ contact_key('people.' ~ sync.address) }} is null then 'no_address'
        {% endif -%}
        {% if sync.purpose -%}
        when suppressed_profiles.profile_id is not null then 'suppressed'
        {% endif -%}
        {% if sync.address -%}
        when suppressed_addresses.identifier is not null then 'suppressed'
        when addresses.is_refused then 'refused'
        {% endif -%}
        when refusals.profile_id is not null then 'refused'
        {% if sync.needs_grant and sync.address -%}
        when coalesce(addresses.is_granted, false) = false then 'unknown_consent'
        {% elif sync.needs_grant -%}
        when grants.profile_id is null then 'unknown_consent'
        {% elif sync.opt_in_countries -%}
        when grants.profile_id is null and people.country in ('{{ sync.opt_in_countries | join("', '") }}') then 'unknown_consent'
        {% endif -%}
        {% if sync.share -%}
        when {{ stable_share("'" ~ sync.salt ~ ":' || people.profile_id") }} < {{ sync.share }} then 'held_out'
        {% endif -%}
        else 'eligible'
    end as verdict
from profiles as people
inner join (
    select distinct profile_id
    from {{ 'past_members' if sync.past_members else 'members' }}
    {% if sync.segments -%}
    where segment in ('{{ sync.segments | join("', '") }}')
    {% endif -%}
) as wanted
    on people.profile_id = wanted.profile_id
left join suppressed_profiles
    on
        people.profile_id = suppressed_profiles.profile_id
        and suppressed_profiles.channel in ('{{ sync.channel }}', 'any')
left join refusals
    on
        people.profile_id = refusals.profile_id
        and refusals.purpose = '{{ sync.purpose }}'
        and refusals.channel = '{{ sync.channel }}'
left join grants
    on
        people.profile_id = grants.profile_id
        and grants.purpose = '{{ sync.purpose }}'
        and grants.channel = '{{ sync.channel }}'
{% if sync.address -%}
left join suppressed_addresses
    on
        suppressed_addresses.identifier_type = '{{ sync.address_type }}'
        and suppressed_addresses.identifier = {{ contact_key('people.' ~ sync.address) }}
        and suppressed_addresses.channel in ('{{ sync.channel }}', 'any')
left join addresses
    on
        addresses.identifier_type = '{{ sync.address_type }}'
        and addresses.identifier = {{ contact_key('people.' ~ sync.address) }}
        and addresses.purpose = '{{ sync.purpose }}'
        and addresses.channel = '{{ sync.channel }}'
{% endif -%}
{%- endmacro %}
