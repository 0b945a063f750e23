{#- JSON: DuckDB here; another engine adds its own `<adapter>__` macro beside. -#}

{#-
One parse of a JSON object into a struct of texts (of an inner object or array: its JSON). fields: name to 'text', or to
the same again for an object inside. NULL when the text is no JSON object.
-#}
{% macro json_struct(text, fields) -%}
    {{ return(adapter.dispatch('json_struct', 'segmentry')(text, fields)) }}
{%- endmacro %}

{% macro default__json_struct(text, fields) -%}
    case
        when starts_with(ltrim({{ text }}), '{') and json_valid({{ text }})
            then json_transform({{ text }}, '{{ tojson(json_struct_types(fields)) }}')
    end
{%- endmacro %}

{% macro json_struct_types(fields) -%}
    {%- set types = {} -%}
    {%- for name, type in fields.items() -%}
        {%- do types.update({
            name: json_struct_types(type) if type is mapping else 'VARCHAR'
        }) -%}
    {%- endfor -%}
    {{ return(types) }}
{%- endmacro %}

{#- The text at a path such as 'page.path'; NULL when it is not there, or when the text is no JSON. -#}
{% macro json_text(json, path) -%}
    {{ return(adapter.dispatch('json_text', 'segmentry')(json, path)) }}
{%- endmacro %}

{% macro default__json_text(json, path) -%}
    json_extract_string(try_cast({{ json }} as json), '$.{{ path }}')
{%- endmacro %}

{#- Rows (keys, ordinal from 1, item) of a JSON array of objects; item is a struct of the fields. -#}
{% macro json_array_items(relation, keys, array, fields) -%}
    {{ return(adapter.dispatch('json_array_items', 'segmentry')(relation, keys, array, fields)) }}
{%- endmacro %}

{% macro default__json_array_items(relation, keys, array, fields) -%}
    {%- set spec = {} -%}
    {%- for name in fields -%}{%- do spec.update({name: 'VARCHAR'}) -%}{%- endfor -%}
    select
        {{ keys | join(', ') }},
        unnest(elements) as item,
        generate_subscripts(elements, 1) as ordinal
    from (
        select {{ keys | join(', ') }}, json_transform(try_cast({{ array }} as json), '{{ tojson([spec]) }}') as elements
        from {{ relation }}
    ) as arrays
{%- endmacro %}

{#- The JSON text where it is an object, or a list, that can be read; NULL otherwise. -#}
{% macro json_of(text, kind) -%}
    {{ return(adapter.dispatch('json_of', 'segmentry')(text, kind)) }}
{%- endmacro %}

{% macro default__json_of(text, kind) -%}
    case
        when starts_with(ltrim({{ text }}), '{{ "{" if kind == "object" else "[" }}') and json_valid({{ text }}) then {{ text }}
    end
{%- endmacro %}

{#- Names in a JSON object, in its order; a name that occurs twice is there twice. -#}
{% macro json_keys(text) -%}
    {{ return(adapter.dispatch('json_keys', 'segmentry')(text)) }}
{%- endmacro %}

{% macro default__json_keys(text) -%} json_keys({{ text }}) {%- endmacro %}

{#-
Those of the names that are not known, separated by commas. A name that does not look like one of a column may be a value,
so it is given as (other).
-#}
{% macro json_unread_keys(keys, known) -%}
    {{ return(adapter.dispatch('json_unread_keys', 'segmentry')(keys, known)) }}
{%- endmacro %}

{% macro default__json_unread_keys(keys, known) -%}
    nullif(array_to_string(list_sort(list_distinct(list_transform(
        list_filter({{ keys }}, lambda key: key not in ('{{ known | join("', '") }}')),
        lambda key: case when regexp_full_match(key, '[A-Za-z$_][A-Za-z0-9$_. -]{0,49}') then key else '(other)' end
    ))), ', '), '')
{%- endmacro %}

{#- The first name that occurs twice; NULL where none does. -#}
{% macro json_repeated_keys(keys) -%}
    {{ return(adapter.dispatch('json_repeated_keys', 'segmentry')(keys)) }}
{%- endmacro %}

{% macro default__json_repeated_keys(keys) -%}
    case when len({{ keys }}) <> len(list_distinct({{ keys }})) then 'a name occurs twice' end
{%- endmacro %}

{#- The JSON types (OBJECT, ARRAY, VARCHAR, ...) at these paths, as a list in their order; NULL where there is nothing. -#}
{% macro json_types(text, paths) -%}
    {{ return(adapter.dispatch('json_types', 'segmentry')(text, paths)) }}
{%- endmacro %}

{% macro default__json_types(text, paths) -%}
    json_type({{ text }}, ['$.{{ paths | join("', '$.") }}'])
{%- endmacro %}
