{#- Names and types inside JSON: DuckDB here; another engine adds its own `<adapter>__` macro
    alongside. -#}

{#- Names in a JSON object, in its order; a name that occurs twice is there twice. -#}
{% macro json_keys(text) -%}
    {{ return(adapter.dispatch('json_keys', 'segmentry')(text)) }}
{%- endmacro %}

{% macro default__json_keys(text) -%} json_keys({{ text }}) {%- endmacro %}

{#-
Those of the names that are not known, separated by commas. A name that does not look like one of a
column may be a value, so it is given as (other).
-#}
{% macro json_unread_keys(keys, known) -%}
    {{ return(adapter.dispatch('json_unread_keys', 'segmentry')(keys, known)) }}
{%- endmacro %}

{% macro default__json_unread_keys(keys, known) -%}
    nullif(array_to_string(list_sort(list_distinct(list_transform(
        list_filter({{ keys }}, lambda key: key not in ('{{ known | join("', '") }}')),
        lambda key: case when regexp_full_match(key, '[A-Za-z$_][A-Za-z0-9$_. -]{0,49}') then key
            else '(other)' end
    ))), ', '), '')
{%- endmacro %}

{#- The first name that occurs twice; NULL where none does. -#}
{% macro json_repeated_keys(keys) -%}
    {{ return(adapter.dispatch('json_repeated_keys', 'segmentry')(keys)) }}
{%- endmacro %}

{% macro default__json_repeated_keys(keys) -%}
    case when len({{ keys }}) <> len(list_distinct({{ keys }})) then 'a name occurs twice' end
{%- endmacro %}

{#- The JSON types (OBJECT, ARRAY, VARCHAR, ...) at these paths, as a list in their order; NULL if
    there is nothing. -#}
{% macro json_types(text, paths) -%}
    {{ return(adapter.dispatch('json_types', 'segmentry')(text, paths)) }}
{%- endmacro %}

{% macro default__json_types(text, paths) -%}
    json_type({{ text }}, ['$.{{ paths | join("', '$.") }}'])
{%- endmacro %}
