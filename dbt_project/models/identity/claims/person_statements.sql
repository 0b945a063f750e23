{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(
        '(source, identifier_type, value) in (select (source, identifier_type, value) from '
        ~ ref('statement_changes') ~ ')'
    ) }}"
) }}
select source, identifier_type, value, first_name, last_name, birth_date, gender
from {{ ref('statement_changes') }}
where is_stated
