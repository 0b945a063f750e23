{#-
Answers of consent banners on accepted events, where they differ from the answer before: of the
account, or of the browser where the account's id identifies nobody. A refusal counts for both where
identity does not take them for one person. changed: answers that changed.
-#}
{% macro answered_decisions(changed) -%}
    select
        'events:' || event_id || ':' || purpose as decision_id,
        case when account is not null or anonymous_id is null then 'user_id'
            else 'cookie' end as identifier_type,
        case when account is not null or anonymous_id is null then user_id
            else anonymous_id end as identifier,
        {{ answer_columns() }}
    from (
        select *, {{ normalize_identifier("'user_id'", 'user_id') }} as account from {{ changed }}
    ) as answers
    union all
    select
        'events:' || answers.event_id || ':' || answers.purpose || ':cookie' as decision_id,
        'cookie' as identifier_type,
        answers.anonymous_id as identifier,
        {{ answer_columns() }}
    from (
        select
            *,
            {{ normalize_identifier("'user_id'", 'user_id') }} as account,
            {{ normalize_identifier("'cookie'", 'anonymous_id') }} as browser
        from {{ changed }}
        where not is_granted and user_id is not null and anonymous_id is not null
    ) as answers
    inner join {{ ref('identifier_mapping') }} as browsers
        on browsers.identifier_type = 'cookie' and browsers.identifier = answers.browser
    left join {{ ref('identifier_mapping') }} as accounts
        on accounts.identifier_type = 'user_id' and accounts.identifier = answers.account
    where answers.account is not null and accounts.profile_id is distinct from browsers.profile_id
{%- endmacro %}

{% macro answer_columns() -%}
    purpose,
        'any' as channel,
        case when is_granted then 'granted' else 'denied' end as status,
        country as jurisdiction,
        {{ answered_at('event_at') }} as decided_at,
        case when stated_in = 'categories' then 'events' else stated_in end as source,
        answers.record_id,
        consent as proof
{%- endmacro %}

{#-
Texts of banners on quarantined events with the identifiers that they may be about: the account,
else the browser, else all others that the event names. Many events carry one text: the first and
the last of each batch show when it was in force.
-#}
{% macro quarantined_answers() -%}
    select record_id, identifier_type, identifier, country as jurisdiction, occurred_at, _loaded_at,
        consent
    from (
        select *
        from (
            select
                record_id,
                _batch_id,
                country,
                occurred_at,
                _loaded_at,
                consent,
                unnest(['user_id', 'cookie', 'device_id', 'email', 'phone']) as identifier_type,
                unnest([user_id, anonymous_id, device_id, trait_email, trait_phone]) as identifier,
                unnest([1, 2, 3, 3, 3]) as choice
            from {{ ref('base_events') }}
            where outcome = 'quarantined' and consent is not null
        ) as named
        where identifier is not null
        qualify
            rank() over (
                partition by record_id
                order by {{ normalize_identifier('identifier_type', 'identifier',
                    'country') }} is null, choice
            ) = 1
    ) as chosen
    qualify
        row_number() over (
            partition by identifier_type, identifier, consent, _batch_id
                order by occurred_at nulls first, record_id
        ) = 1
        or row_number() over (
            partition by identifier_type, identifier, consent, _batch_id
                order by occurred_at desc nulls first, record_id
        ) = 1
{%- endmacro %}
