{#- The consent flags of profiles.profiles: purpose, and the channel it is asked for (any: none in
    particular). -#}
{% macro consent_flags() -%}
    {{ return({
        'consent_email_marketing': ['marketing', 'email'],
        'consent_sms_marketing': ['marketing', 'sms'],
        'consent_push_marketing': ['marketing', 'push'],
        'consent_advertising': ['advertising', 'ads'],
        'consent_analytics': ['analytics', 'any'],
        'consent_personalization': ['personalization', 'any'],
    }) }}
{%- endmacro %}

{#- False where a refusal is in force, true where a grant is, NULL where nobody has decided. -#}
{% macro consent_flag(purpose, channel) -%}
    bool_and(has_consent) filter (where purpose = '{{ purpose }}' and channel = '{{ channel }}')
{%- endmacro %}
