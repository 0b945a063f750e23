{#- When an answer counts from: a refusal from when it was seen; a grant no later than the time that
    its text states. -#}
{% macro answered_at(seen_at) -%}
    case when is_granted and stated_at < {{ seen_at }} then stated_at else {{ seen_at }} end
{%- endmacro %}
