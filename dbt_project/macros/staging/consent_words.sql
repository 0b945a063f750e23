{#- The words of consent that the product knows. -#}
{% macro consent_purposes() -%}
    {{ return(['marketing', 'advertising', 'personalization', 'analytics', 'profiling']) }}
{%- endmacro %}

{% macro consent_channels() -%}
    {{ return(['email', 'sms', 'push', 'ads', 'any']) }}
{%- endmacro %}

{#- A word in the spelling of the product: small letters, one underscore between words. -#}
{% macro consent_word(text) -%}
    regexp_replace(lower(trim({{ text }})), '[ _-]+', '_', 'g')
{%- endmacro %}
