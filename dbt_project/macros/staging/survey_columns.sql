{#-
Answers of a survey that are read as numbers, with their scales: 0 to 10 for the Net Promoter Score,
1 to 5 for CSAT, 1 to 7 for CES, 1 to 5 for habits. A survey of one of these scores may call its
answer `score`. Every other answer stays in `answers`, judged by nobody.
-#}
{% macro survey_answer_columns() -%}
    {%- set columns = {} -%}
    {%- for name in ['price_sensitivity', 'brand_loyalty', 'tech_affinity', 'research_habit',
        'impulse_buying',
                     'sustainability', 'luxury_interest'] -%}
        {%- do columns.update({name: {'type': 'integer', 'field': 'answers', 'text': answer(name),
            'min': 1, 'max': 5}}) -%}
    {%- endfor -%}
    {%- for name, least, most in [['nps', 0, 10], ['csat', 1, 5], ['ces', 1, 7]] -%}
        {%- set score = "case when lower(record.\"survey\") like '%" ~ name ~ "%' then "
            ~ answer('score') ~ ' end' -%}
        {%- do columns.update({name: {'type': 'integer', 'field': 'answers',
            'text': 'coalesce(' ~ answer(name) ~ ', ' ~ score ~ ')', 'min': least, 'max': most}})
                -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{% macro answer(name) -%}
    {{ return(json_text('record."answers"', name)) }}
{%- endmacro %}
