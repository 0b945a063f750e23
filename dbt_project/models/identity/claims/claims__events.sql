{{ config(materialized='ephemeral') }}
{%- set is_user = "previous_id in (select user_id from known)" -%}
{%- set previous_cookie = "case when type = 'alias' and not " ~ is_user
    ~ " then previous_id end" -%}
{%- set previous_user = "case when type = 'alias' and " ~ is_user ~ " then previous_id end" -%}
with

events as (
    select * from {{ ref('stg_events__events') }}
),

aliases as (
    select previous_id from {{ ref('stg_events__events') }} where type = 'alias'
),

users as (
    select user_id from {{ ref('stg_events__events') }} where event_at < {{ as_of() }}
),

known as (
    -- An alias may name a cookie or an older user id: it is a user id where one of that name is
    -- known by now.
    select user_id from users
    where user_id in (select previous_id from aliases)
),

claims as (
    {{ identifier_claims(
        relation='events',
        source='events',
        observed_at='event_at',
        identifiers={
            'cookie': 'anonymous_id', 'user_id': 'user_id', 'device_id': 'device_id',
            'email': 'trait_email', 'phone': 'trait_phone',
            'previous_cookie': previous_cookie, 'previous_user': previous_user,
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
)

select * from claims
