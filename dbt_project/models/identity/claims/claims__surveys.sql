{{ config(materialized='ephemeral') }}
{{ identifier_claims(
    relation=ref('stg_surveys__responses'),
    source='surveys',
    observed_at='submitted_at',
    identifiers={'user_id': 'user_id', 'email': 'email'},
    links=[['form', 'user_id', 'email']],
) }}
