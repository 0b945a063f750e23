with

mapping as (
    select * from {{ ref('identifier_mapping') }}
),

history as (
    select * from {{ ref('id_mapping_scd') }}
),

contacts as (
    select * from {{ ref('base_crm_contacts') }}
),

orders as (
    select * from {{ ref('base_orders') }}
),

tickets as (
    select * from {{ ref('base_support_tickets') }}
),

periods as (
    select
        history.identifier_type, history.identifier,
        history.profile_id as home,
        history.valid_from as began_at, history.valid_to as ended_at,
        history.valid_to is null and coalesce(mapping.profile_id = history.profile_id, false)
            as is_current
    from history
    left join mapping
        on history.identifier_type = mapping.identifier_type
            and history.identifier = mapping.identifier
),

changed as (
    -- Without a person who ever left, the current mapping is complete.
    select * from periods
    where home in (select home from periods where not is_current)
),

superseded as (
    {{ superseded_identifiers('crm_contacts', 'contacts', 'contact_id', 'updated_at', {
        'crm_id': 'contact_id', 'user_id': 'user_id', 'email': 'email', 'phone': 'phone',
        'loyalty_id': 'loyalty_id'
    }, 'country') }}
    union all
    {{ superseded_identifiers('orders', 'orders', 'order_id', 'updated_at', {
        'user_id': 'user_id', 'email': 'email', 'phone': 'phone', 'cookie': 'anonymous_id'
    }) }}
    union all
    {{ superseded_identifiers('support_tickets', 'tickets', 'ticket_id', 'updated_at',
        {'user_id': 'user_id', 'email': 'email'}) }}
),

homes as (
    select identifier_type, identifier, home, began_at, ended_at, is_current from changed
    union all
    select identifier_type, identifier, home, began_at, ended_at, false from superseded
    where identifier is not null
),

accompanied as (
    -- Identifiers that a profile has now, together with another one that a person gives, and not a
    -- browser or device alone.
    select distinct mapping.identifier_type, mapping.identifier
    from mapping
    inner join mapping as others on mapping.profile_id = others.profile_id
    where
        others.identifier_type not in ('cookie', 'device_id')
        and (mapping.identifier_type <> others.identifier_type
            or mapping.identifier <> others.identifier)
        and mapping.identifier in (select identifier from homes)
),

final as (
    select
        homes.*,
        -- The last instant of the period.
        coalesce(homes.ended_at - interval 1 microsecond, timestamp '9999-12-31') as latest_at,
        accompanied.identifier is null
        and homes.ended_at is not null
        and homes.ended_at = max(homes.ended_at) over (
            partition by homes.identifier_type, homes.identifier) as is_last
    from homes
    left join accompanied
        on homes.identifier_type = accompanied.identifier_type
            and homes.identifier = accompanied.identifier
)

select
    identifier_type,
    identifier,
    home,
    began_at, ended_at, latest_at,
    -- A refusal on an identifier that no profile has now counts for the last profile that had it.
    case when is_last then timestamp '9999-12-31' else latest_at end as counts_until,
    is_current
from final
