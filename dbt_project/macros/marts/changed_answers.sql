{#- Each answer on an event that differs in its text from the one before, with what that person had
    answered to the same purpose. A banner's answer rides on every event.

events: events with a text. answers: what each text states, one row per purpose. -#}
{% macro changed_answers(events, answers) -%}
    select
        texts.*, answers.purpose, answers.is_granted, answers.stated_in, answers.stated_at,
        lag(answers.is_granted) over answered as was_granted,
        lag(answers.stated_at) over answered as was_stated_at
    from (
        select event_id, event_at, anonymous_id, user_id, country, record_id, consent
        from {{ events }}
        qualify consent is distinct from
            lag(consent) over (partition by user_id, anonymous_id order by event_at, event_id)
    ) as texts
    inner join {{ answers }} as answers on texts.consent = answers.consent
    where texts.event_at < {{ as_of() }} or not answers.is_granted
    window answered as (
        partition by user_id, anonymous_id, answers.purpose order by event_at, event_id
    )
{%- endmacro %}
