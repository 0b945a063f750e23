{#- The form in which an identifier is stored, or NULL where it is refused. type is a quoted name or
    an expression. -#}
{% macro normalize_identifier(type, x, country='null') -%}
    {{ normal_identifier(type, x, country) }}
{%- endmacro %}

{% macro normalize_email(x) -%} {{ normal_identifier("'email'", x) }} {%- endmacro %}

{% macro normalize_phone(x, country) -%} {{ normal_identifier("'phone'", x,
    country) }} {%- endmacro %}

{% macro normalize_key(x) -%} {{ normal_identifier("'key'", x) }} {%- endmacro %}
