{#- The consent flags of profiles.profiles: purpose, and the channel it is asked for (none: whatever the channel). -#}
{% macro consent_flags() -%}
    {{ return({
        'consent_email_marketing': ['marketing', 'email'],
        'consent_sms_marketing': ['marketing', 'sms'],
        'consent_push_marketing': ['marketing', 'push'],
        'consent_advertising': ['advertising', 'ads'],
        'consent_analytics': ['analytics', none],
        'consent_personalization': ['personalization', none],
    }) }}
{%- endmacro %}

{#- True when the newest decision of every identifier that has decided is a grant; NULL when none has. -#}
{% macro consent_flag(purpose, channel) -%}
    bool_and(is_granted) filter (
        where purpose = '{{ purpose }}'{% if channel is not none %} and asked_channel = '{{ channel }}'{% endif %}
    )
{%- endmacro %}
