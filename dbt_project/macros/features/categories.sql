{#- A category's name as part of a column's name. -#}
{% macro category_slug(category) -%}
    {{ return(modules.re.sub('[^a-z0-9]+', '_', category | lower).strip('_')) }}
{%- endmacro %}

{#- Views and purchases of each category of the variable interest_categories, one pair of columns
    each. -#}
{% macro interest_features() -%}
    {%- for category in var('interest_categories') %}
    coalesce(sum(views) filter (where category = '{{ category }}' and age_days < 90), 0)::bigint
        as views_{{ category_slug(category) }}_90d,
    coalesce(sum(items) filter (where category = '{{ category }}'), 0)::bigint
        as items_{{ category_slug(category) }}_lifetime{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
