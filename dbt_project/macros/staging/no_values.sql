{#-
What systems write where they know nothing. The first of January 1970 is a birthday, but no time of
a record; the last days of 1899 and a 0th of January are the zero of spreadsheets.
-#}
{% macro is_placeholder(type, text) -%}
    {%- set words = "'null', '(null)', 'none', 'nan', 'n/a', 'undefined', 'unknown', 'not set',
        '(not set)', '-', '?', '#n/a', '#ref!', '#value!', '#null!', '#name?', '#num!',
        '#div/0!'" -%}
    {%- if type in ('date', 'timestamp', 'timestamp_ahead') -%}
    (left({{ text }}, 10) in ('0000-00-00', '0001-01-01', '1899-12-30', '1899-12-31', '1900-01-00',
            '1900-01-01', '2999-12-31', '9999-12-31', '00.00.0000', '00/00/0000'
            {%- if type != 'date' %}, '1970-01-01'{% endif %})
        or lower({{ text }}) in ({{ words }}, '0'))
    {%- elif type in ('boolean', 'key') -%} lower({{ text }}) in ({{ words }})
    {%- else -%} lower({{ text }}) in ({{ words }}, 'na', 'unspecified')
    {%- endif -%}
{%- endmacro %}

{#-
An object (but a UUID in braces), a list, true or NaN is no id; nor is a text with a control
character inside: without it it may be another's.
-#}
{% macro is_no_id(text) -%}
    (left({{ text }}, 1) in ('{', '[') and not {{ regex_matches(text,
        "'^[{][0-9A-Fa-f-]{36}[}]$'") }}
        or lower({{ text }}) in ('true', 'false', 'nan', 'infinity', '-infinity')
            or (not is_plain and {{ regex_matches(text, "'\\p{Cc}'") }}))
{%- endmacro %}
