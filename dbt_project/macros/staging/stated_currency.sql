{#-
The currency of an accepted record: NULL where it names none, and XXX (ISO 4217: no currency) where
what it names is none, so that its amounts are not taken for amounts of the shop's own currency.
-#}
{% macro stated_currency() -%}
    case when currency is null and cleared like '%currency: %' then 'XXX' else currency end
{%- endmacro %}

{#- Join condition: the rate of a currency on a day. -#}
{% macro rate_applies(rates, currency, day) -%}
    {{ rates }}.currency = {{ currency }}
    and cast({{ day }} as date) >= {{ rates }}.valid_from
    and cast({{ day }} as date) < {{ rates }}.valid_to
{%- endmacro %}
