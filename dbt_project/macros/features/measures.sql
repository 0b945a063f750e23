{#- What is counted per profile and day in features.activity_days. -#}
{% macro activity_measures() -%}
    {{ return([
        'events', 'page_views', 'product_views', 'searches', 'cart_adds', 'checkouts',
        'pricing_views',
        'demo_requests', 'sessions', 'closed_sessions', 'cart_sessions', 'cart_abandonments',
        'dwell_seconds',
    ]) }}
{%- endmacro %}

{#- Those of them that features__behaviour has for every window. -#}
{% macro windowed_measures() -%}
    {{ return([
        'sessions', 'page_views', 'product_views', 'searches', 'cart_adds', 'checkouts',
        'pricing_views',
        'cart_abandonments', 'dwell_seconds',
    ]) }}
{%- endmacro %}

{#- The answers of marts.surveys that features__surveys carries, the latest one given to each
    question. -#}
{% macro survey_answers() -%}
    {{ return([
        'price_sensitivity', 'brand_loyalty', 'tech_affinity', 'research_habit', 'impulse_buying',
        'sustainability',
        'luxury_interest', 'nps',
    ]) }}
{%- endmacro %}
