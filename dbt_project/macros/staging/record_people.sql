{#- The person or thing that a record of each source is about, as far as the record names it: the
    key for counting people. -#}
{% macro record_person(source) -%}
    {{ return({
        'consents': 'identifier',
        'crm_contacts': 'contact_id',
        'email_events': 'coalesce(email, event_id)',
        'events': 'coalesce(user_id, anonymous_id)',
        'online_retail': 'coalesce(customer_id, invoice_id)',
        'orders': 'coalesce(user_id, email, phone, anonymous_id, order_id)',
        'products': 'product_id',
        'subscriptions': 'coalesce(user_id, email, subscription_id)',
        'support_tickets': 'coalesce(user_id, email, ticket_id)',
        'surveys': 'coalesce(user_id, email, response_id)',
    }.get(source, 'record_key')) }}
{%- endmacro %}
