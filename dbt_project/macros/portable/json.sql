{#- JSON: DuckDB here; another engine adds its own `<adapter>__` macro alongside. -#}

{#-
One parse of a JSON object into a struct of texts (of an inner object or array: its JSON). fields:
name to 'text', or to the same again for an object inside. NULL when the text is no JSON object.
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

{#- The text at a path such as 'page.path'; NULL when it is not there, or when the text is
    no JSON. -#}
{% macro json_text(json, path) -%}
    {{ return(adapter.dispatch('json_text', 'segmentry')(json, path)) }}
{%- endmacro %}

{% macro default__json_text(json, path) -%}
    json_extract_string(try_cast({{ json }} as json), '$.{{ path }}')
{%- endmacro %}

{#- Rows (keys, ordinal from 1, item) of a JSON array of objects; item is a struct of the
    fields. -#}
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
        select {{ keys | join(', ') }}, json_transform(try_cast({{ array }} as json),
            '{{ tojson([spec]) }}') as elements
        from {{ relation }}
    ) as arrays
{%- endmacro %}

{#- The JSON text where it is an object, or a list, that can be read; NULL otherwise. -#}
{% macro json_of(text, kind) -%}
    {{ return(adapter.dispatch('json_of', 'segmentry')(text, kind)) }}
{%- endmacro %}

{% macro default__json_of(text, kind) -%}
    case
        when starts_with(ltrim({{ text }}), '{{ "{" if kind == "object" else "[" }}')
            and json_valid({{ text }}) then {{ text }}
    end
{%- endmacro %}
