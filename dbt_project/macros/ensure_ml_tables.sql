{#- Profiles join the scores of models, also in a lake in which no model has been trained yet. The
    commit is explicit because dbt rolls back what a hook before the run leaves open. -#}
{% macro ensure_ml_tables() -%}
    {%- set columns = {
        'scores':
            'profile_id varchar, model varchar, as_of timestamp, score double, '
            ~ 'model_version varchar, '
            ~ 'scored_at timestamp, outcome varchar',
        'cluster_assignments':
            'profile_id varchar, as_of timestamp, cluster_id integer, persona varchar, '
            ~ 'confidence double, model_version varchar',
        'text_tags':
            'kind varchar, text_id varchar, text_hash varchar, language varchar, topic varchar, '
            ~ 'sentiment double, model_version varchar, tagged_as_of timestamp',
    } -%}
    {%- for name, definition in columns.items() if execute
        and flags.WHICH in ('build', 'run', 'test') -%}
        {%- if adapter.get_relation(database=target.database, schema='ml', identifier=name) is none
            -%}
            {%- do run_query(
                'create table if not exists ' ~ target.database ~ '.ml.' ~ name ~ ' (' ~ definition
                    ~ ')'
            ) -%}
            {%- do adapter.commit() -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}
