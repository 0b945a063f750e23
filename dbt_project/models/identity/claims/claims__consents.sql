{{ config(materialized='ephemeral') }}
{{ identifier_claims(
    relation=ref('stg_consents__consents'),
    source='consents',
    observed_at='occurred_at',
    identifiers={
        'user_id': "case when identifier_type = 'user_id' then identifier end",
        'email': "case when identifier_type = 'email' then identifier end",
        'phone': "case when identifier_type = 'phone' then identifier end",
        'cookie': "case when identifier_type = 'cookie' then identifier end",
    },
    country='jurisdiction',
) }}
