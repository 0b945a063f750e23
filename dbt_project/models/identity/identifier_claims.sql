select * from {{ ref('claims__events') }}
union all
select * from {{ ref('claims__orders') }}
union all
select * from {{ ref('claims__crm_contacts') }}
union all
select * from {{ ref('claims__email_events') }}
union all
select * from {{ ref('claims__support_tickets') }}
union all
select * from {{ ref('claims__surveys') }}
union all
select * from {{ ref('claims__subscriptions') }}
union all
select * from {{ ref('claims__consents') }}
union all
select * from {{ ref('claims__online_retail') }}
