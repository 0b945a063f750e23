{{ config(materialized='ephemeral') }}
{{ identifier_claims(
    relation=ref('stg_crm_contacts__contacts'),
    source='crm_contacts',
    observed_at='coalesce(created_at, updated_at)',
    identifiers={
        'crm_id': 'contact_id', 'user_id': 'user_id', 'email': 'email', 'phone': 'phone',
        'loyalty_id': 'loyalty_id'
    },
    links=[
        ['crm', 'crm_id', 'user_id'],
        ['crm', 'crm_id', 'loyalty_id'],
        ['crm_email', 'crm_id', 'email'],
        ['crm_phone', 'crm_id', 'phone'],
    ],
    country='country',
) }}
