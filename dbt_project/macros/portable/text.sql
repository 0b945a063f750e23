{#- Text as people read it. Blanks, control characters and marks without width come from exports and
    from paste. -#}

{#- Whether a landed JSON text has nothing to clean: no escape and no odd blank. Most have none, and
    one look spares many. -#}
{% macro is_plain(json) -%}
    coalesce(not {{ regex_matches(json,
        "'[\\\\\\x{7F}-\\x{A0}\\x{AD}\\x{1680}\\x{2000}-\\x{200F}\\x{2028}-\\x{202F}\\x{205F}-\\x{206F}\\x{3000}\\x{FEFF}]'") }}, true)
{%- endmacro %}

{#-
Text without control characters, byte order marks, marks of zero width and of direction, and without
what shows nothing around it. Joiners (U+200C, U+200D) stay inside: Persian names and emoji are
written with them. Reads the column is_plain.
-#}
{% macro cleaned(text) -%}
    nullif(trim(case
        when is_plain then {{ text }}
        else {{ without_edges(regex_replace(text,
            "'[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F-\\x9F\\x{200B}\\x{200E}\\x{200F}\\x{202A}-\\x{202E}\\x{2060}\\x{2066}-\\x{2069}\\x{FEFF}]'", "''")) }}
    end), '')
{%- endmacro %}

{#- Text without blanks, control characters and marks of zero width around it; what is inside stays
    as written. -#}
{% macro cleaned_edges(text) -%}
    nullif(trim(case when is_plain then {{ text }} else {{ without_edges(text) }} end), '')
{%- endmacro %}

{#- Both macros above take off the same: what one finds empty is empty for the other. -#}
{% macro without_edges(text) -%}
    {%- set unseen = "[\\s\\p{Z}\\p{Cc}\\x{AD}\\x{200B}-\\x{200F}\\x{202A}-\\x{202E}\\x{2060}-\\x{206F}\\x{FEFF}]+" -%}
    {{ regex_replace(text, "'^" ~ unseen ~ "|" ~ unseen ~ "$'", "''") }}
{%- endmacro %}

{#- What the spellings of a category share: lower case, single blanks, letters composed (NFC). -#}
{% macro category_key(text) -%}
    lower(trim({{ regex_replace(composed(text), "'[\\s\\p{Z}]+'", "' '") }}))
{%- endmacro %}

{#- Text in Unicode's normal form C: an accent and its letter are one character. -#}
{% macro composed(text) -%}
    {{ return(adapter.dispatch('composed', 'segmentry')(text)) }}
{%- endmacro %}

{% macro default__composed(text) -%} nfc_normalize({{ text }}) {%- endmacro %}

{#- A row for each part of a text whose parts are separated by ', '. -#}
{% macro split_rows(query, column, part) -%}
    {{ return(adapter.dispatch('split_rows', 'segmentry')(query, column, part)) }}
{%- endmacro %}

{% macro default__split_rows(query, column, part) -%}
    select * exclude ({{ column }}), unnest(string_split({{ column }}, ', ')) as {{ part }}
        from ({{ query }}) as texts
{%- endmacro %}
