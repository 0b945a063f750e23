{#-
What is wrong with a typed record, as 'code: detail', or NULL. key: the columns that name the
record. allowed: column to the list of values it may have. checks: [condition, 'code: detail'] pairs
of the source's own. A key is missing where the record has no text for it; one that is there and no
good is a fault of its own kind.
-#}
{% macro first_fault(key, allowed={}, checks=[]) -%}
    case
        when _problem is not null then _problem
        when not is_object then 'not_json: the text is not a JSON object'
        {%- for name in key %}
        when ', ' || missing || ',' like '%, {{ name }},%' then 'missing_id: {{ name }}'
        {%- endfor %}
        when repeated is not null then 'repeated_name: ' || repeated
        when missing is not null then 'missing_field: ' || missing
        when invalid is not null then 'invalid_value: ' || invalid
        when lost is not null then 'lost_digits: ' || lost
        when void is not null then 'placeholder: ' || void
        when too_early is not null then 'out_of_range: before the earliest time allowed: '
            || too_early
        when too_late is not null then 'in_future: later than it was loaded: ' || too_late
        when beyond is not null then 'out_of_range: ' || beyond
        when unlisted is not null then 'unknown_value: ' || unlisted
        {%- for name, values in allowed.items() %}
        when {{ name }} is not null and {{ name }} not in ('{{ values | join("', '") }}')
            then 'unknown_value: {{ name }}'
        {%- endfor %}
        {%- for condition, fault in checks %}
        when {{ condition }} then '{{ fault }}'
        {%- endfor %}
    end
{%- endmacro %}
