{#- For people to read and segments to describe; what may be sent is decided anew where an audience is made. -#}
with consents as (

    select * from {{ ref('consents') }} where profile_id is not null and decided_at < {{ as_of() }}

),

channels as (

    select * from (values ('email'), ('sms'), ('push'), ('ads')) as listed (asked_channel)

),

asked as (

    select
        consents.*,
        channels.asked_channel
    from consents
    inner join channels
        on consents.channel = channels.asked_channel or coalesce(consents.channel, 'any') = 'any'

),

placed as (

    select
        *,
        status = 'granted' as is_granted,
        row_number() over (
            partition by profile_id, identifier_type, identifier, purpose, asked_channel
            order by decided_at desc, status = 'granted', record_id
        ) as place
    from asked

)

select
    profile_id,
    {% for name, use in consent_flags().items() %}
    {{ consent_flag(use[0], use[1]) }} as {{ name }}{{ ',' if not loop.last }}
    {% endfor %}
from placed
where place = 1
group by profile_id
