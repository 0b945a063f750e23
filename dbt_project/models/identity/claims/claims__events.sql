{{ config(materialized='ephemeral') }}
{#- An alias may name a cookie or an older user id: it is a user id where one of that name is known
    by now. -#}
{%- set known = renamed_user_ids() -%}
{%- set previous_cookie = "case when type = 'alias' and previous_id not in " ~ known
    ~ " then previous_id end" -%}
{%- set previous_user = "case when type = 'alias' and previous_id in " ~ known
    ~ " then previous_id end" -%}
{{ identifier_claims(
    relation=ref('stg_events__events'),
    source='events',
    observed_at='event_at',
    identifiers={
        'cookie': 'anonymous_id', 'user_id': 'user_id', 'device_id': 'device_id',
        'email': 'trait_email',
        'phone': 'trait_phone', 'previous_cookie': previous_cookie, 'previous_user': previous_user,
    },
    aliases={'previous_cookie': 'cookie', 'previous_user': 'user_id'},
    links=[
        ['alias', 'user_id', 'previous_user'],
        ['alias', 'user_id', 'previous_cookie'],
        ['login', 'user_id', 'cookie'],
        ['trait', 'user_id', 'email'],
        ['trait', 'user_id', 'phone'],
        ['anonymous_trait', 'cookie', 'email', 'user_id is null'],
        ['anonymous_trait', 'cookie', 'phone', 'user_id is null'],
        ['device', 'cookie', 'device_id'],
        ['device', 'user_id', 'device_id', 'cookie is null'],
    ],
    country='country',
) }}
