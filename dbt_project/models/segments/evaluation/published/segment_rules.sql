select * from {{ ref('proposed_rules') }}
