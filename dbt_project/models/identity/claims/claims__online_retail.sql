{{ config(materialized='ephemeral') }}
{{ identifier_claims(
    relation=ref('stg_online_retail__orders'),
    source='online_retail',
    observed_at='ordered_at',
    identifiers={'user_id': "'online_retail:' || customer_id"},
) }}
