{{ config(materialized='ephemeral') }}
{#- Likely pairs of contacts that a reviewer accepted, or that are likely enough by policy. A
    refusal is final, and an accepted pair is joined whether the search is on or not. -#}
{%- set agreed -%}
    (
        with

        candidates as (
            select * from {{ source('identity_policy', 'link_candidates') }}
        ),

        policy as (
            select * from {{ source('identity_policy', 'policy_probabilistic') }}
        )

        select
            candidates.left_crm_id || ' ' || candidates.right_crm_id as record_id,
            candidates.left_crm_id,
            candidates.right_crm_id,
            candidates.verdict,
            candidates.known_at,
            cast(null as varchar) as _batch_id
        from candidates
        cross join policy
        where candidates.verdict = 'accepted' or (
            policy.is_used and candidates.verdict is null
            and candidates.probability >= policy.link_above
        )
    )
{%- endset -%}
{{ identifier_claims(
    relation=agreed,
    source='reviews',
    observed_at='known_at',
    identifiers={
        'crm_id': 'left_crm_id',
        'reviewed': "case when verdict = 'accepted' then right_crm_id end",
        'likely': "case when verdict is null then right_crm_id end",
    },
    aliases={'reviewed': 'crm_id', 'likely': 'crm_id'},
    links=[['review', 'crm_id', 'reviewed'], ['probabilistic', 'crm_id', 'likely']],
) }}
