{#- Made by `make generate` from segmentry/identifier_words.py, which code asks as well. -#}

{#- Types of identifier that may decide: a relation of one row each, or the list of an `in`. -#}
{% macro consent_types(form='relation') -%}
    {%- set types = ['email', 'phone', 'user_id', 'crm_id', 'loyalty_id', 'cookie', 'device_id'] -%}
    {%- if form == 'list' -%}
    ('{{ types | join("', '") }}')
    {%- elif form == 'names' -%}
    {{ return(types) }}
    {%- else -%}
    (values ('{{ types | join("'), ('") }}')) as types (identifier_type)
    {%- endif -%}
{%- endmacro %}

{#- A type of identifier, by the names that exports give it. -#}
{% macro identifier_type_word(text) -%}
    {%- set word = consent_word(text) -%}
    case
        when {{ word }} in ('e_mail', 'mail', 'email_address')
            then 'email'
        when {{ word }} in ('mobile', 'mobile_number', 'tel', 'telephone', 'phone_number', 'msisdn')
            then 'phone'
        when {{ word }} in ('userid', 'user', 'customer_id', 'external_id')
            then 'user_id'
        when {{ word }} in ('contact_id', 'contactid', 'crm', 'crmid')
            then 'crm_id'
        when {{ word }} in ('anonymousid', 'anonymous_id', 'cookie_id')
            then 'cookie'
        when {{ word }} in ('device', 'deviceid', 'advertising_id')
            then 'device_id'
        else {{ word }}
    end
{%- endmacro %}
