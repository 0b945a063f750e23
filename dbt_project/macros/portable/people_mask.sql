{#-
How many different people a group of rows has, as 62 bits that can be joined with those of other
groups by `or`: each person sets one bit. Few people set as many bits as they are; 62 bits are
enough to distinguish one person from thirty. Rows about nobody (NULL) set none.
-#}
{% macro people_mask(person) -%}
    {{ return(adapter.dispatch('people_mask', 'segmentry')(person)) }}
{%- endmacro %}

{% macro default__people_mask(person) -%}
    coalesce(
        bit_or(cast(1 as bigint) << cast(hash({{ person }}) % 62 as integer))
            filter (where {{ person }} is not null),
        0
    )
{%- endmacro %}

{#- The full hour of a timestamp. -#}
{% macro full_hour(time) -%} date_trunc('hour', {{ time }}) {%- endmacro %}
