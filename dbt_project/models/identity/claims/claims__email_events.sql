{{ config(materialized='ephemeral') }}
{{ identifier_claims(
    relation=ref('stg_email_events__email_events'),
    source='email_events',
    observed_at='occurred_at',
    identifiers={'email': 'email', 'cookie': 'anonymous_id'},
    links=[['email_click', 'email', 'cookie', "cookie is not null"]],
) }}
