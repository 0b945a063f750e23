{#- Whole periods of 24 hours between a fact and a later timestamp, that of the fact excluded: 0 for
    (0, 24 h], 1 for (24 h, 48 h]; negative when the fact is not before the timestamp. -#}
{% macro whole_days_before(fact_at, later_at) -%}
    {{ adapter.dispatch('whole_days_before')(fact_at, later_at) }}
{%- endmacro %}

{% macro default__whole_days_before(fact_at, later_at) -%}
    ((date_diff('microsecond', {{ fact_at }}, {{ later_at }}) - 1) // 86400000000)
{%- endmacro %}

{#- Seconds from one timestamp to another, with fractions. -#}
{% macro seconds_between(from_at, to_at) -%}
    {{ adapter.dispatch('seconds_between')(from_at, to_at) }}
{%- endmacro %}

{% macro default__seconds_between(from_at, to_at) -%}
    (date_diff('microsecond', {{ from_at }}, {{ to_at }}) / 1000000.0)
{%- endmacro %}

{#- A naive UTC time as the wall clock showed it in an IANA zone, summer time included. -#}
{% macro local_time(utc_at, zone) -%}
    {{ adapter.dispatch('local_time')(utc_at, zone) }}
{%- endmacro %}

{% macro default__local_time(utc_at, zone) -%}
    timezone({{ zone }}, timezone('UTC', {{ utc_at }}))
{%- endmacro %}

{#- The relation of zone names that local_time accepts, column `name`. -#}
{% macro zone_names() -%}
    {{ adapter.dispatch('zone_names')() }}
{%- endmacro %}

{% macro default__zone_names() -%}
    (select distinct name from pg_timezone_names())
{%- endmacro %}
