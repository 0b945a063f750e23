{{ config(materialized='ephemeral') }}
{{ identifier_claims(
    relation=ref('stg_orders__orders'),
    source='orders',
    observed_at='ordered_at',
    identifiers={'user_id': 'user_id', 'email': 'email', 'phone': 'phone',
    'cookie': 'anonymous_id'},
    links=[
        ['order', 'user_id', 'email'],
        ['order', 'user_id', 'phone'],
        ['order', 'user_id', 'cookie'],
        ['guest_order', 'email', 'phone', 'user_id is null'],
        ['guest_order', 'email', 'cookie', 'user_id is null'],
        ['guest_order', 'phone', 'cookie', 'user_id is null and email is null'],
    ],
) }}
