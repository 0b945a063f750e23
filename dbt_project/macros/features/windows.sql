{#- The windows before an as_of in which behaviour is counted: suffix to days, none for all time.
    Adding one adds a column per counted measure, so also add those columns to the yml. -#}
{% macro windows() -%}
    {{ return({'1d': 1, '7d': 7, '30d': 30, '90d': 90, '365d': 365, 'lifetime': none}) }}
{%- endmacro %}

{#- A whole number counted in one window; 0 where nothing happened. `age_days` is the fact's age at
    the as_of. -#}
{% macro count_in(expression, days=none, from_days=0) -%}
    coalesce(sum({{ expression }}){{ in_window(days, from_days) }}, 0)::bigint
{%- endmacro %}

{#- An amount summed in one window; 0 where nothing happened. -#}
{% macro sum_in(expression, days=none, from_days=0) -%}
    coalesce(sum({{ expression }}){{ in_window(days, from_days) }}, 0)::double
{%- endmacro %}

{% macro in_window(days, from_days=0) -%}
    {%- if days is not none %} filter (where age_days >= {{ from_days }}
        and age_days < {{ days }}){% endif -%}
{%- endmacro %}

{#- This window against the one before it, from -1 (all before) to 1 (all now); NULL when both are
    empty. -#}
{% macro trend(expression, days) -%}
    (({{ count_in(expression, days) }} - {{ count_in(expression, 2 * days, days) }})
        / nullif({{ count_in(expression, 2 * days) }}, 0))::double
{%- endmacro %}

{#- A share, NULL when the whole is 0 or unknown. -#}
{% macro share(part, whole) -%}
    ({{ part }} / nullif({{ whole }}, 0))::double
{%- endmacro %}
