{#- The text of a value as its column's type, or NULL where it cannot be read as one. -#}
{% macro typed_as(spec, text) -%}
    {%- set type = spec if spec is string else spec.type -%}
    {%- if type in ('text', 'category') -%} {{ cleaned(text) }}
    {%- elif type == 'word' -%} {{ word_of(cleaned(text), spec) }}
    {%- elif type == 'id' -%} {{ cleaned_edges(text) }}
    {%- elif type == 'key' -%} {{ normal_key(cleaned_edges(text)) }}
    {%- elif type == 'currency' -%} upper({{ cleaned(text) }})
    {%- elif type == 'country' -%} {{ country_of(cleaned(text)) }}
    {%- elif type in ('object', 'list') -%} {{ json_of(text, type) }}
    {%- elif type == 'integer' -%} {{ try_integer(cleaned(text)) }}
    {%- elif type == 'amount' -%} {{ try_amount(cleaned(text)) }}
    {%- elif type == 'boolean' -%} {{ try_boolean(cleaned(text)) }}
    {%- elif type == 'date' -%} {{ try_date(cleaned(text)) }}
    {%- elif type in ('timestamp', 'timestamp_ahead') -%} {{ try_timestamp(cleaned(text)) }}
    {%- else -%} {{ exceptions.raise_compiler_error("there is no column type '" ~ type ~ "'") }}
    {%- endif -%}
{%- endmacro %}

{#- A word in lower case; one of a list also with its blanks and hyphens as _, and by the spelling
    of the list. -#}
{% macro word_of(text, spec) -%}
    {%- set word = "lower(" ~ text ~ ")" -%}
    {%- if spec is string or not spec['values'] -%}
        {{ word }}
    {%- else -%}
        {%- set word = "replace(replace(" ~ word ~ ", '-', '_'), ' ', '_')" -%}
        {%- if spec.same_as -%}
        case {{ word }}
            {%- for other, value in spec.same_as.items() %} when '{{ other }}'
                then '{{ value }}'{% endfor %} else {{ word }}
        end
        {%- else -%}
        {{ word }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- The text of a value, if it has one: blanks, control characters and marks without width are
    none. -#}
{% macro stated(text) -%} {{ cleaned_edges(text) }} {%- endmacro %}
