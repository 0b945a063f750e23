{{ config(materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(reread_batches()) }}") }}
{% do build_after(ref('identifier_claims')) -%}
select source, _batch_id, records, digest, renames
from {{ ref('claim_batches') }}
where state not in ({{ "'removed', 'known'" if is_partial() else "'removed'" }})
