{#- What is noted of the columns of a record, in their names, never in values. See
    typed_records. -#}

{#- The value of each column that can be faulty, NULL where it is. -#}
{% macro kept_values(specs) -%}
    {%- for name, fault in faults_of(specs).items() %}
    case when {{ fault }} is null then {{ name }} end as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Names of required columns that the record leaves empty, separated by commas. -#}
{% macro required_without(specs, required) -%}
    {%- set cases = [] -%}
    {%- for name in required -%}
        {%- do cases.append("case when " ~ is_empty(name, specs) ~ " then '" ~ name ~ "' end") -%}
    {%- endfor -%}
    {{ joined_names(cases) }}
{%- endmacro %}

{#- Names of columns whose fault of this code costs the record. -#}
{% macro faulty_columns(specs, code) -%}
    {%- set cases = [] -%}
    {%- for name, fault in faults_of(specs).items() if specs[name].on_fault == 'record' -%}
        {%- do cases.append("case when " ~ fault ~ " = '" ~ code ~ "' then '" ~ name ~ "' end") -%}
    {%- endfor -%}
    {{ joined_names(cases) }}
{%- endmacro %}

{#- 'column: reason' of each value that is cleared. -#}
{% macro cleared_columns(specs) -%}
    {%- set cases = [] -%}
    {%- for name, fault in faults_of(specs).items() if specs[name].on_fault == 'field' -%}
        {%- do cases.append("'" ~ name ~ ": ' || nullif(" ~ fault ~ ", 'empty')") -%}
    {%- endfor -%}
    {{ joined_names(cases) }}
{%- endmacro %}

{#- Names of the optional columns that have a value and no fault: taken from the column itself. -#}
{% macro fields_accepted(specs) -%}
    {%- set faults = faults_of(specs) -%}
    {%- set cases = [] -%}
    {%- for name, spec in specs.items() if spec.on_fault == 'field' -%}
        {%- set is_kept = name ~ ' is not null' ~ (' and ' ~ faults[name] ~ ' is null'
            if name in faults else '') -%}
        {%- do cases.append("case when " ~ is_kept ~ " then '" ~ name ~ "' end") -%}
    {%- endfor -%}
    {{ joined_names(cases) }}
{%- endmacro %}

{#- Names of the optional columns for which the record has no value. -#}
{% macro fields_empty(specs) -%}
    {%- set cases = [] -%}
    {%- for name, spec in specs.items() if spec.on_fault == 'field' -%}
        {%- do cases.append("case when " ~ is_empty(name, specs) ~ " then '" ~ name ~ "' end") -%}
    {%- endfor -%}
    {{ joined_names(cases) }}
{%- endmacro %}

{#- Whether the record has no value for a column. Text cannot have a fault: it is empty where
    cleaning leaves nothing. -#}
{% macro is_empty(name, specs) -%}
    {%- set faults = faults_of(specs) -%}
    {{ faults[name] ~ " = 'empty'" if name in faults else name ~ ' is null' }}
{%- endmacro %}

{% macro joined_names(cases) -%}
    {%- if cases -%} nullif(concat_ws(', ', {{ cases | join(', ') }}), '') {%-
        else -%} cast(null as varchar) {%- endif -%}
{%- endmacro %}
