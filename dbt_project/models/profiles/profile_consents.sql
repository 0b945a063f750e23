{#- To read, and for segments to describe by; the rule is the one by which audiences are built. -#}
with standings as (

    select * from {{ ref('profile_standings') }}

),

decided as (

    select
        *,
        case when is_refused then false when is_granted then true end as has_consent
    from standings

)

select
    profile_id,
    {% for name, use in consent_flags().items() %}
    {{ consent_flag(use[0], use[1]) }} as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from decided
where has_consent is not null
group by profile_id
