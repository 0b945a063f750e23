{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('identifier_links') }}, {{ ref('region') }}
select *, left_node in (select node from {{ ref('region') }}) and right_node in (select node from {{ ref('region') }}) as is_inside
from {{ ref('identifier_links') }}
where left_node in (select node from {{ ref('region') }}) or right_node in (select node from {{ ref('region') }})
