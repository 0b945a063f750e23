{#-
What a base model declares of each column, with defaults for what it leaves out. A column is
declared as

    type           text, word (a name of a kind: any case), id (of a person), key (of a thing),
    category, country,
                   currency, object, list, integer, amount, boolean, date, timestamp,
                   timestamp_ahead (may lie in the future)
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
        {%- set spec = {'field': name, 'on_fault': 'record' if name in required else 'field',
            'values': [], 'same_as': {},
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
Least and greatest number of a type. A thousand million is above any order, price or count of one
record, and sums of as many rows as there may be stay within decimal(18, 4) and bigint.
-#}
{% macro limits_of(type) -%}
    {{ return({'integer': [-1000000000, 1000000000],
        'amount': [-1000000000, 1000000000]}.get(type, [none, none])) }}
{%- endmacro %}

{#- Column to the name of its fault; plain text can have none. -#}
{% macro faults_of(specs) -%}
    {%- set names = {} -%}
    {%- for name, spec in specs.items() if spec.type != 'text' or spec.must -%}
        {%- do names.update({name: 'fault__' ~ name}) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}
