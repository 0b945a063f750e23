{{ config(materialized='ephemeral') }}
{{ identifier_claims(
    relation=ref('stg_subscriptions__changes'),
    source='subscriptions',
    observed_at='changed_at',
    identifiers={'user_id': 'user_id', 'email': 'email'},
    links=[['billing', 'user_id', 'email']],
) }}
