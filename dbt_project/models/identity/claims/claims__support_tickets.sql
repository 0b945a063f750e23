{{ config(materialized='ephemeral') }}
{{ identifier_claims(
    relation=ref('stg_support_tickets__tickets'),
    source='support_tickets',
    observed_at='created_at',
    identifiers={'user_id': 'user_id', 'email': 'email'},
    links=[['form', 'user_id', 'email']],
) }}
