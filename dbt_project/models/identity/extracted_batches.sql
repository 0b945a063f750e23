-- depends_on: {{ ref('identifier_claims') }}
select * from {{ ref('claim_batches') }}
