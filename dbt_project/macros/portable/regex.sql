{#- Whether the text x contains a match of the pattern; NULL for NULL. -#}
{% macro regex_matches(x, pattern) -%}
    {{ return(adapter.dispatch('regex_matches')(x, pattern)) }}
{%- endmacro %}

{% macro default__regex_matches(x, pattern) -%}
    regexp_matches({{ x }}, {{ pattern }})
{%- endmacro %}

{% macro spark__regex_matches(x, pattern) -%}
    ({{ x }} rlike {{ pattern }})
{%- endmacro %}

{#- x with every match of the pattern replaced. -#}
{% macro regex_replace(x, pattern, replacement) -%}
    {{ return(adapter.dispatch('regex_replace')(x, pattern, replacement)) }}
{%- endmacro %}

{% macro default__regex_replace(x, pattern, replacement) -%}
    regexp_replace({{ x }}, {{ pattern }}, {{ replacement }}, 'g')
{%- endmacro %}

{% macro spark__regex_replace(x, pattern, replacement) -%}
    regexp_replace({{ x }}, {{ pattern }}, {{ replacement }})
{%- endmacro %}

{#- x where the pattern matches the whole of it, else NULL. -#}
{% macro regex_whole(x, pattern) -%}
    nullif(regexp_extract({{ x }}, '^({{ pattern }})$', 1), '')
{%- endmacro %}
