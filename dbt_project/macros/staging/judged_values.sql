{#-
What a base model says of each column, with what it leaves out. A column is declared as

    type           text, word (a name of a kind: any case), id, category, country, currency, object, list, integer,
                   amount, boolean, date, timestamp, timestamp_ahead (may lie in the future)
    field          what the record calls it, by default its own name
    text           SQL of its text, by default that of the field
    min, max       of a number; limits_of gives those of its type
    values         of a word: the only ones it may have, in lower case with _ for blanks
    same_as        of a word: other spelling to the one in values
    must           a condition over the record's columns, such as 'resolved_at >= created_at'
    on_fault       'record' (of a required column) or 'field' (of any other): what a bad value costs

docs/reference/judgement.md is made from these.
-#}
{% macro column_specs(columns, required=[]) -%}
    {%- set specs = {} -%}
    {%- for name, given in columns.items() -%}
        {%- set spec = {'field': name, 'on_fault': 'record' if name in required else 'field', 'values': [], 'same_as': {},
            'must': none} -%}
        {%- if given is string -%}{%- do spec.update({'type': given}) -%}
        {%- elif given is mapping -%}{%- do spec.update(given) -%}
        {%- else -%}{%- do spec.update({'type': given[0], 'field': given[1]}) -%}
        {%- endif -%}
        {%- do spec.update({
            'text': spec.get('text', 'record."' ~ spec.field ~ '"'),
            'min': spec.get('min', limits_of(spec.type)[0]),
            'max': spec.get('max', limits_of(spec.type)[1])
        }) -%}
        {%- do specs.update({name: spec}) -%}
    {%- endfor -%}
    {{ return(specs) }}
{%- endmacro %}

{#-
Least and greatest number of a type. A thousand million is above any order, price or count of one record, and sums of as many
rows as there may be stay within decimal(18, 4) and bigint.
-#}
{% macro limits_of(type) -%}
    {{ return({'integer': [-1000000000, 1000000000], 'amount': [-1000000000, 1000000000]}.get(type, [none, none])) }}
{%- endmacro %}

{#- Column to the name of its fault; plain text and categories can have none. -#}
{% macro faults_of(specs) -%}
    {%- set names = {} -%}
    {%- for name, spec in specs.items() if spec.type not in ('text', 'category') or spec.must -%}
        {%- do names.update({name: 'fault__' ~ name}) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{% macro typed_as(spec, text) -%}
    {%- set type = spec if spec is string else spec.type -%}
    {%- if type in ('text', 'category') -%} {{ cleaned(text) }}
    {%- elif type == 'word' -%} {{ word_of(cleaned(text), spec) }}
    {%- elif type == 'id' -%} {{ cleaned_edges(text) }}
    {%- elif type == 'currency' -%} upper({{ cleaned(text) }})
    {%- elif type == 'country' -%} {{ country_of(cleaned(text)) }}
    {%- elif type in ('object', 'list') -%} {{ json_of(text, type) }}
    {%- elif type == 'integer' -%} {{ try_integer(cleaned(text)) }}
    {%- elif type == 'amount' -%} {{ try_amount(cleaned(text)) }}
    {%- elif type == 'boolean' -%} {{ try_boolean(cleaned(text)) }}
    {%- elif type == 'date' -%} {{ try_date(cleaned(text)) }}
    {%- elif type in ('timestamp', 'timestamp_ahead') -%} {{ try_timestamp(cleaned(text)) }}
    {%- else -%} {{ exceptions.raise_compiler_error("there is no column type '" ~ type ~ "'") }}
    {%- endif -%}
{%- endmacro %}

{#- A word in lower case; one of a list also with its blanks and hyphens as _, and by the spelling of the list. -#}
{% macro word_of(text, spec) -%}
    {%- set word = "lower(" ~ text ~ ")" -%}
    {%- if spec is string or not spec['values'] -%}
        {{ word }}
    {%- else -%}
        {%- set word = "replace(replace(" ~ word ~ ", '-', '_'), ' ', '_')" -%}
        {%- if spec.same_as -%}
        case {{ word }}
            {%- for other, value in spec.same_as.items() %} when '{{ other }}' then '{{ value }}'{% endfor %} else {{ word }}
        end
        {%- else -%}
        {{ word }}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- The code of what is wrong with a value, NULL where it is fine or not there. -#}
{% macro fault_of(name, spec) -%}
    {%- set text = filled(spec.text) -%}
    case
        when {{ text }} is null then null
        {%- for condition, code in faults_by_type(name, spec, text) %}
        when {{ condition }} then '{{ code }}'
        {%- endfor %}
        {%- if spec.must %}
        when not ({{ spec.must }}) then 'inconsistent'
        {%- endif %}
    end
{%- endmacro %}

{#-
[condition, code] of a type, the first that is true counts. Times before 1990 are a clock that was never set; dates before
1900 a placeholder; a day ahead allows for zones. An end from 2100 on is how systems write that there is none.
-#}
{% macro faults_by_type(name, spec, text) -%}
    {%- set found = [] -%}
    {%- if spec.type == 'timestamp_ahead' -%}
        {%- do found.append([name ~ " >= timestamp '2100-01-01'", 'no_end' if spec.on_fault == 'field' else 'in_future']) -%}
    {%- endif -%}
    {%- if spec.on_fault == 'field' and spec.type in ('date', 'timestamp', 'timestamp_ahead', 'word', 'country') -%}
        {%- do found.append([is_placeholder(spec.type, text), 'placeholder']) -%}
    {%- endif -%}
    {%- if spec.type == 'id' -%}
        {%- do found.append([is_no_id(text), 'invalid_value']) -%}
    {%- elif spec.type not in ('text', 'category', 'word') -%}
        {%- do found.append([name ~ ' is null', 'unknown_value' if spec.type == 'country' else 'invalid_value']) -%}
    {%- endif -%}
    {%- if spec.type == 'currency' -%}
        {%- do found.append(["not regexp_full_match(" ~ name ~ ", '[A-Z]{3}')", 'unknown_value']) -%}
    {%- elif spec['values'] -%}
        {%- do found.append([name ~ " not in ('" ~ spec['values'] | join("', '") ~ "')", 'unknown_value']) -%}
    {%- elif spec.type == 'date' -%}
        {%- do found.append([name ~ " < date '1900-01-01'", 'too_early']) -%}
        {%- do found.append([name ~ " > _loaded_at + interval 1 day", 'in_future']) -%}
    {%- elif spec.type in ('timestamp', 'timestamp_ahead') -%}
        {%- do found.append([name ~ " < timestamp '1990-01-01'", 'too_early']) -%}
        {%- if spec.type == 'timestamp' -%}
            {%- do found.append([name ~ " > _loaded_at + interval 1 day", 'in_future']) -%}
        {%- endif -%}
    {%- elif spec.min is not none -%}
        {%- do found.append([name ~ ' not between ' ~ spec.min ~ ' and ' ~ spec.max, 'out_of_range']) -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}

{#- What systems write where they know nothing. The first of January 1970 is a birthday, but no time of a record. -#}
{% macro is_placeholder(type, text) -%}
    {%- if type in ('word', 'country') -%}
    lower({{ text }}) in ('null', '(null)', 'none', 'nan', 'n/a', 'na', 'undefined', 'unknown', 'not set', '(not set)', '-', '?')
    {%- else -%}
    left({{ text }}, 10) in ('0000-00-00', '0001-01-01', '1900-01-01', '2999-12-31', '9999-12-31'
        {%- if type != 'date' %}, '1970-01-01'{% endif %})
        or lower({{ text }}) in ('null', '(null)', 'none', 'nan', 'n/a', 'undefined', 'unknown', '-', '0')
    {%- endif -%}
{%- endmacro %}

{#- An object, a list, true or NaN is no id; nor is a text with a control character inside: without it it may be another's. -#}
{% macro is_no_id(text) -%}
    left({{ text }}, 1) in ('{', '[') or lower({{ text }}) in ('true', 'false', 'nan', 'infinity', '-infinity')
        or (not is_plain and {{ regex_matches(cleaned_edges(text), "'\\p{Cc}'") }})
{%- endmacro %}
