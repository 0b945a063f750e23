{#- The rates of a day out of the text of an ECB record. -#}

{#- Text of a date as ISO 8601, from 25 November 2026 too; other text stays as it is. -#}
{% macro iso_date_text(text) -%}
    {{ return(adapter.dispatch('iso_date_text', 'segmentry')(text)) }}
{%- endmacro %}

{% macro default__iso_date_text(text) -%}
    coalesce(cast(cast(try_strptime(trim({{ text }}), '%d %B %Y') as date) as varchar), {{ text }})
{%- endmacro %}

{#- Whether a value in the record is neither a rate above 0, nor N/A, nor empty. -#}
{% macro has_bad_rate(json) -%}
    {{ return(adapter.dispatch('has_bad_rate', 'segmentry')(json)) }}
{%- endmacro %}

{% macro default__has_bad_rate(json) -%}
    len(list_filter(
        map_entries(cast(try_cast({{ json }} as json) as map(varchar, varchar))),
        pair -> upper(trim(pair.key)) in ({{ currency_codes() }})
            and coalesce(upper(trim(pair.value)), '') not in ('', 'N/A')
            and coalesce(try_cast(trim(pair.value) as decimal(18, 8)), 0) <= 0
    )) > 0
{%- endmacro %}

{#- Rows (rate_date, code, value) of the records, one per field. -#}
{% macro rate_fields(relation, json) -%}
    {{ return(adapter.dispatch('rate_fields', 'segmentry')(relation, json)) }}
{%- endmacro %}

{% macro default__rate_fields(relation, json) -%}
    select record_id, rate_date, upper(trim(pair.key)) as code, trim(pair.value) as value
    from (
        select record_id, rate_date, unnest(map_entries(cast(cast({{ json }} as json)
            as map(varchar, varchar)))) as pair
        from {{ relation }}
    ) as pairs
{%- endmacro %}

{#- An amount at a rate; NULL where it does not fit. At the rate 1 it stays to the last digit. -#}
{% macro converted(amount, rate) -%}
    {{ return(adapter.dispatch('converted', 'segmentry')(amount, rate)) }}
{%- endmacro %}

{% macro default__converted(amount, rate) -%}
    try_cast(try_cast({{ amount }} as decimal(19, 4)) * {{ rate }} as {{ type_amount() }})
{%- endmacro %}

{#- A rate: seven digits before the point, so that its product with an amount fits 38 digits. -#}
{% macro type_rate() -%} decimal(19, 12) {%- endmacro %}
