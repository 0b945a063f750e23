{#- The code of what is wrong with a value, `empty` where the record has none, NULL where it is
    fine. -#}
{% macro fault_of(name, spec) -%}
    {%- set text = stated(spec.text) -%}
    case
        when {{ text }} is null then 'empty'
        {%- for condition, code in faults_by_type(name, spec, text) %}
        when {{ condition }} then '{{ code }}'
        {%- endfor %}
        {%- if spec.must %}
        when not ({{ spec.must }}) then 'inconsistent'
        {%- endif %}
    end
{%- endmacro %}

{#-
[condition, code] of a type, the first that is true counts. Times before 1990 are a clock that was
never set; dates before 1900 a placeholder; a day ahead allows for zones. An end from 2100 on is how
systems write that there is none.
-#}
{% macro faults_by_type(name, spec, text) -%}
    {%- set found = [] -%}
    {%- if spec.type == 'timestamp_ahead' -%}
        {%- do found.append([name ~ " >= timestamp '2100-01-01'", 'no_end'
            if spec.on_fault == 'field' else 'in_future']) -%}
    {%- endif -%}
    {%- if spec.type == 'key' or (spec.on_fault == 'field'
        and spec.type not in ('id', 'object', 'list')) -%}
        {%- do found.append([is_placeholder(spec.type, text), 'placeholder']) -%}
    {%- endif -%}
    {{ return(found + faults_of_reading(name, spec, text) + faults_of_range(name, spec)) }}
{%- endmacro %}

{#- Faults of a text that is not of the column's type. -#}
{% macro faults_of_reading(name, spec, text) -%}
    {%- set found = [] -%}
    {%- if spec.type in ('category', 'word') -%}
        {%- do found.append(["left(" ~ text ~ ", 1) in ('{', '[')", 'invalid_value']) -%}
    {%- elif spec.type in ('id', 'key') -%}
        {%- do found.append([is_no_id(text), 'invalid_value']) -%}
    {%- endif -%}
    {%- if spec.type == 'key' -%}
        {%- do found.append([name ~ ' is null and ' ~ has_lost_digits(text), 'lost_digits']) -%}
    {%- elif spec.type in ('integer', 'amount') -%}
        {%- do found.append([name ~ ' is null and ' ~ is_huge_number(text), 'out_of_range']) -%}
    {%- elif spec.type == 'country' -%}
        {%- do found.append([name ~ ' is null', 'unknown_value']) -%}
    {%- elif spec.type == 'currency' -%}
        {%- do found.append(["not regexp_full_match(" ~ name ~ ", '[A-Z]{3}')", 'unknown_value'])
            -%}
    {%- endif -%}
    {%- if spec.type not in ('text', 'category', 'word', 'id') -%}
        {%- do found.append([name ~ ' is null', 'invalid_value']) -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{#- Faults of a value of the right type. -#}
{% macro faults_of_range(name, spec) -%}
    {%- set found = [] -%}
    {%- if spec['values'] -%}
        {%- do found.append([name ~ " not in ('" ~ spec['values'] | join("', '") ~ "')",
            'unknown_value']) -%}
    {%- elif spec.type == 'date' -%}
        {%- do found.append([name ~ " < date '1900-01-01'", 'too_early']) -%}
        {%- do found.append([name ~ " > _loaded_at + interval 1 day", 'in_future']) -%}
    {%- elif spec.type in ('timestamp', 'timestamp_ahead') -%}
        {%- do found.append([name ~ " < timestamp '1990-01-01'", 'too_early']) -%}
        {%- if spec.type == 'timestamp' -%}
            {%- do found.append([name ~ " > _loaded_at + interval 1 day", 'in_future']) -%}
        {%- endif -%}
    {%- elif spec.min is not none -%}
        {%- do found.append([name ~ ' not between ' ~ spec.min ~ ' and ' ~ spec.max,
            'out_of_range']) -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}
