{#- Casts that give NULL where the text does not fit, instead of an error. -#}

{#- Money and amounts: exact, so that a sum does not depend on the order of its rows. -#}
{% macro type_amount() -%} decimal(18, 4) {%- endmacro %}

{#- A date, or the date of a timestamp; not 'infinity', a year B.C. or five digits of one. -#}
{% macro try_date(text) -%}
    case when {{ regex_matches(text, "'^[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([T ][0-9].*)?$'") }}
        then try_cast({{ text }} as date) end
{%- endmacro %}

{#- An amount as a number is written in JSON or CSV; '1_000', '12,5' and 'NaN' are none. -#}
{% macro try_amount(text) -%}
    case when {{ is_number(text) }} then try_cast({{ text }} as {{ type_amount() }}) end
{%- endmacro %}

{% macro is_number(text) -%}
    {{ regex_matches(text, "'^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$'") }}
{%- endmacro %}

{#- True for a text that is a number and too large for any type of ours: ten digits before the
    point, or as a power. -#}
{% macro is_huge_number(text) -%}
    {{ regex_matches(text,
        "'^[+-]?([0-9]{10,}([.]0*)?|[0-9]{10,}[.][0-9]*|[0-9.]+[eE][+]?[1-9][0-9]+)$'") }}
    and {{ is_number(text) }}
{%- endmacro %}

{#- Whole numbers, also as a float writes them (17850.0); a fraction is not rounded but refused. -#}
{% macro try_integer(text) -%}
    {{ return(adapter.dispatch('try_integer', 'segmentry')(text)) }}
{%- endmacro %}

{% macro default__try_integer(text) -%}
    case when regexp_full_match({{ text }}, '[+-]?[0-9]+(\.0*)?')
        then try_cast({{ text }} as bigint) end
{%- endmacro %}

{#- What JSON, databases, spreadsheets and people write; `1.0` is a boolean column with gaps, as
    pandas writes it. -#}
{% macro try_boolean(text) -%}
    case
        when lower({{ text }}) in ('true', 't', 'yes', 'y', 'on', 'ja', 'j', 'oui', 'si', 'sí', '1',
            '1.0') then true
        when lower({{ text }}) in ('false', 'f', 'no', 'n', 'off', 'nein', 'nee', 'non', '0', '0.0')
            then false
    end
{%- endmacro %}

{#- Text without the blanks around it; NULL when nothing is left. -#}
{% macro filled(text) -%} nullif(trim({{ text }}), '') {%- endmacro %}

{#- The mean as a double, independent of the order of the rows: sums of doubles differ in their last
    bits. -#}
{% macro exact_average(expression) -%} avg(cast({{ expression }} as decimal(24, 6))) {%- endmacro %}

{#- The sum as a double, independent of the order of the rows. -#}
{% macro exact_sum(expression) -%} cast(sum(cast({{ expression }} as decimal(24, 6)))
    as double) {%- endmacro %}
