{#- Shared e-mail addresses and phone numbers, with each profile of `mapping` that states one.

    refused, policy_links, mapping: CTEs over the relations of these names. -#}
{% macro stated_addresses(refused, policy_links, mapping) -%}
select distinct mapping.profile_id, ends.identifier_type, ends.identifier
from (
    select
        rule, reason, left_type as identifier_type, left_identifier as identifier,
        right_type as other_type, right_identifier as other_identifier
    from {{ refused }}
    union all
    select rule, reason, right_type, right_identifier, left_type, left_identifier
    from {{ refused }}
) as ends
inner join {{ mapping }} as mapping
    on ends.other_type = mapping.identifier_type and ends.other_identifier = mapping.identifier
left join {{ policy_links }} as policy_links on ends.rule = policy_links.rule
where
    ends.identifier_type in ('email', 'phone')
    and (
        ends.reason = 'shared_' || ends.identifier_type
        -- Above the other limits of a type, only who owns the address has it.
        or (ends.reason = 'hub' and coalesce(policy_links.is_ownership, false))
    )
{%- endmacro %}
