{#- Text as people read it. Blanks, control characters and marks without width come from exports and from paste. -#}

{#- Whether a landed JSON text has nothing to clean: no escape and no odd blank. Most have none, and one look spares many. -#}
{% macro is_plain(json) -%}
    coalesce(not {{ regex_matches(json, "'[\\\\\\x{7F}-\\x{A0}\\x{AD}\\x{1680}\\x{2000}-\\x{200F}\\x{2028}-\\x{202F}\\x{205F}-\\x{206F}\\x{3000}\\x{FEFF}]'") }}, true)
{%- endmacro %}

{#-
Text without control characters, byte order marks, marks of zero width and of direction, and without blanks around it.
Joiners (U+200C, U+200D) stay: Persian names and emoji are written with them. Reads the column is_plain.
-#}
{% macro cleaned(text) -%}
    nullif(trim(case
        when is_plain then {{ text }}
        else {{ regex_replace(regex_replace(text, "'[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x9F\\x{200B}\\x{200E}\\x{200F}\\x{202A}-\\x{202E}\\x{2060}\\x{2066}-\\x{2069}\\x{FEFF}]'", "''"),
            "'^[\\s\\p{Z}]+|[\\s\\p{Z}]+$'", "''") }}
    end), '')
{%- endmacro %}

{#- Text without blanks, control characters and marks of zero width around it; what is inside stays as written. -#}
{% macro cleaned_edges(text) -%}
    nullif(trim(case
        when is_plain then {{ text }}
        else {{ regex_replace(text, "'^[\\s\\p{Z}\\p{Cc}\\p{Cf}]+|[\\s\\p{Z}\\p{Cc}\\p{Cf}]+$'", "''") }}
    end), '')
{%- endmacro %}

{#- What the spellings of a category share: lower case, single blanks. -#}
{% macro category_key(text) -%} lower({{ regex_replace('trim(' ~ text ~ ')', "'\\s+'", "' '") }}) {%- endmacro %}

{#- A row for each part of a text whose parts are separated by ', '. -#}
{% macro split_rows(query, column, part) -%}
    {{ return(adapter.dispatch('split_rows', 'segmentry')(query, column, part)) }}
{%- endmacro %}

{% macro default__split_rows(query, column, part) -%}
    select * exclude ({{ column }}), unnest(string_split({{ column }}, ', ')) as {{ part }} from ({{ query }}) as texts
{%- endmacro %}
