{{ config(materialized='ephemeral') }}
{#- Likely pairs of contacts that a reviewer accepted, or that are likely enough by policy. A
    refusal is final. -#}
{%- set agreed -%}
    (
        select
            candidates.left_crm_id || ' ' || candidates.right_crm_id as record_id,
            candidates.left_crm_id,
            candidates.right_crm_id,
            candidates.known_at,
            cast(null as varchar) as _batch_id
        from {{ source('identity_policy', 'link_candidates') }} as candidates
        cross join {{ source('identity_policy', 'policy_probabilistic') }} as policy
        where policy.is_used and (
            candidates.verdict = 'accepted'
            or (candidates.verdict is null and candidates.probability >= policy.link_above)
        )
    )
{%- endset -%}
{{ identifier_claims(
    relation=agreed,
    source='reviews',
    observed_at='known_at',
    identifiers={'crm_id': 'left_crm_id', 'other_crm_id': 'right_crm_id'},
    aliases={'other_crm_id': 'crm_id'},
    links=[['probabilistic', 'crm_id', 'other_crm_id']],
) }}
