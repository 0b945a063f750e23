{#- Every source that staging accounts for: config/sources/<name>.yml, raw.<name> and base_<name>
    are there for each. -#}
{% macro landed_sources() -%}
    {{ return([
        'consents', 'crm_contacts', 'email_events', 'events', 'exchange_rates', 'online_retail',
        'orders', 'products', 'subscriptions',
        'support_tickets', 'surveys'
    ]) }}
{%- endmacro %}
