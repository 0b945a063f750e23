{#- A number from 0 up to 1 that depends on the text alone: the same on every engine, machine and
    day. 32 bits of MD5. -#}
{% macro stable_share(text) -%}
    {{ return(adapter.dispatch('stable_share', 'segmentry')(text)) }}
{%- endmacro %}

{% macro default__stable_share(text) -%}
    (cast('0x' || substr(md5({{ text }}), 1, 8) as bigint) / 4294967296.0)
{%- endmacro %}

{% macro spark__stable_share(text) -%}
    (cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as bigint) / 4294967296.0)
{%- endmacro %}
