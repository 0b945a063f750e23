{#- The person that a record of each source is about, as far as the record names it: the key for
    counting people. A source about no person has null. In one that is not listed each record counts
    as a person. -#}
{% macro record_person(source) -%}
    {{ return({
        'consents': 'identifier',
        'crm_contacts': 'contact_id',
        'email_events': 'coalesce(email, event_id)',
        'events': 'coalesce(user_id, anonymous_id)',
        'exchange_rates': 'null',
        'online_retail': 'coalesce(customer_id, invoice_id)',
        'orders': 'coalesce(user_id, email, phone, anonymous_id, order_id)',
        'products': 'null',
        'subscriptions': 'coalesce(user_id, email, subscription_id)',
        'support_tickets': 'coalesce(user_id, email, ticket_id)',
        'surveys': 'coalesce(user_id, email, response_id)',
    }.get(source, 'record_key')) }}
{%- endmacro %}
