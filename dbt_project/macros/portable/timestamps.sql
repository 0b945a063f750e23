{#-
ISO 8601 (RFC 3339, with a blank or T) to naive UTC: with an offset, with a zone's name or
abbreviation, or without any, which is UTC. `infinity` is a time that no calendar reaches. NULL for
other text, and for an offset that no place has.
-#}
{% macro try_timestamp(text) -%}
    {{ return(adapter.dispatch('try_timestamp', 'segmentry')(text)) }}
{%- endmacro %}

{#-
Each text is cast with an offset or zone of its own. DuckDB 1.5.5 reads a time without one in the
zone that an earlier row of the same vector named, so that one record would shift the times of those
behind it.
-#}
{% macro default__try_timestamp(text) -%}
    {%- set day, clock = '[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}', '[0-9]{1,2}:[0-9]{2}' -%}
    {%- set seconds = ':[0-9]{2}([.][0-9]*)?' -%}
    {%- set offset = '(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)' -%}
    {%- set shout = 'upper(' ~ text ~ ')' -%}
    (try_cast(case
        when regexp_full_match({{ shout }}, '{{ day }}[T ]{{ clock }}{{ seconds }}{{ offset }}')
            then {{ shout }}
        when regexp_full_match({{ shout }}, '{{ day }}[T ]{{ clock }}{{ seconds }}')
            then {{ shout }} || 'Z'
        when regexp_full_match({{ text }}, '{{ day }}') then {{ text }} || ' 00:00:00Z'
        when regexp_full_match({{ shout }}, '{{ day }}[T ]{{ clock }}') then {{ shout }} || ':00Z'
        when regexp_full_match({{ shout }}, '{{ day }}[T ]{{ clock }} ?{{ offset }}')
            then regexp_replace({{ shout }}, '^({{ day }})[T ]({{ clock }}) ?', '\1 \2:00')
        when regexp_full_match({{ shout }}, '{{ day }}[T ]{{ clock }}{{ seconds }} {{ offset }}')
            then regexp_replace({{ shout }}, ' ([Z+-])', '\1')
        when regexp_full_match({{ text }},
            '{{ day }}[Tt ]{{ clock }}{{ seconds }} ?[A-Za-z]+(/[A-Za-z0-9_+-]+)*')
            then {{ text }}
        when {{ shout }} = 'INFINITY' then {{ text }}
    end as timestamptz) at time zone 'UTC')
{%- endmacro %}
