{% for definition in segment_definitions() %}
select
    '{{ definition.segment }}' as segment,
    '{{ definition.version }}' as definition_version,
    {{ definition_value(definition.owner) }} as owner,
    {{ definition_value(definition.purpose) }} as purpose,
    {{ definition.priority }} as priority,
    cast({{ definition_value(definition.exclusive_group) }} as varchar) as exclusive_group,
    cast({{ definition_value(definition.action) }} as varchar) as action,
    interval '{{ definition.enter_after }} seconds' as enter_after,
    interval '{{ definition.exit_after }} seconds' as exit_after,
    interval '{{ definition.min_stay }} seconds' as min_stay,
    {{ definition.min_size }} as min_size,
    cast({{ definition_value(definition.max_changed_share) }} as double) as max_changed_share,
    cast({{ definition_value(definition.merge_into) }} as varchar) as merge_into,
    cast({{ definition_value(definition.predicate) }} as varchar) as predicate,
    cast({{ definition_value(definition.stay_while) }} as varchar) as stay_while,
    {{ definition.stay_while is not none }} as has_stay_while
{{ 'union all' if not loop.last }}
{% endfor %}
