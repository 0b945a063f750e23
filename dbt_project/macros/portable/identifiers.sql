{#-
The normal form of an identifier, the reason why it is refused, and the keys under which it may mean
others: functions of `segmentry.identifiers`, which every connection of ours registers. A table may
call them, a view may not: who reads a view may lack them.
-#}

{#- The form in which an identifier is stored and compared, or NULL for a value that is none. -#}
{% macro normal_identifier(type, value, country='null') -%}
    {{ return(adapter.dispatch('normal_identifier', 'segmentry')(type, value, country)) }}
{%- endmacro %}

{% macro default__normal_identifier(type, value, country) -%}
    normal_identifier({{ type }}, {{ value }}, cast({{ country }} as varchar))
{%- endmacro %}

{#- Why a value is refused; NULL for one that is an identifier. -#}
{% macro identifier_fault(type, value, country='null') -%}
    {{ return(adapter.dispatch('identifier_fault', 'segmentry')(type, value, country)) }}
{%- endmacro %}

{% macro default__identifier_fault(type, value, country) -%}
    identifier_fault({{ type }}, {{ value }}, cast({{ country }} as varchar))
{%- endmacro %}

{#- A list of keys under which a refusal that has no exact match may mean known identifiers of its
    type. -#}
{% macro loose_identifier_keys(type, value) -%}
    {{ return(adapter.dispatch('loose_identifier_keys', 'segmentry')(type, value)) }}
{%- endmacro %}

{% macro default__loose_identifier_keys(type, value) -%}
    loose_identifier_keys({{ type }}, {{ value }})
{%- endmacro %}

{#-
A key that is no identifier of a person (order, product, ticket): a number that a program wrote as a
float is whole again, so that `4711.0` meets `4711`; NULL where it lost digits. Most keys are in
that form already, and spare the call.
-#}
{% macro normal_key(x) -%}
    case when {{ is_plain_key(x) }} then {{ x }} else {{ normal_identifier("'thing'", x) }} end
{%- endmacro %}

{#- True for digits, a UUID in lower case, and words that cannot be read as a power such as 4e15; a
    test compares. -#}
{% macro is_plain_key(x) -%}
    {{ regex_matches(x, "'^([0-9]{1,64}|[A-Za-z0-9_]{0,32}[A-DF-Za-df-z_][A-Za-z0-9_]{0,31}|[A-Za-z][A-Za-z0-9]{0,30}-[A-Za-z0-9]{1,32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$'") }}
{%- endmacro %}

{#- True for a key that is a number of which a float lost digits. -#}
{% macro has_lost_digits(x) -%}
    {{ identifier_fault("'thing'", x) }} = 'lost_digits'
{%- endmacro %}

{#- How much an identifier in its normal form looks made up, 0 to 3 (`segmentry.suspicion`). -#}
{% macro identifier_suspicion(type, identifier) -%}
    {{ return(adapter.dispatch('identifier_suspicion', 'segmentry')(type, identifier)) }}
{%- endmacro %}

{% macro default__identifier_suspicion(type, identifier) -%}
    identifier_suspicion({{ type }}, {{ identifier }})
{%- endmacro %}
