with runs as (
    select *
    from {{ optional_source('activation', 'sync_runs', {
        'sync': 'varchar', 'run_id': 'varchar', 'status': 'varchar', 'as_of': 'timestamp',
        'requests': 'bigint',
        'sent_add': 'bigint', 'sent_update': 'bigint', 'sent_remove': 'bigint', 'invalid': 'bigint',
        'rejected': 'bigint', 'retry': 'bigint', 'blocked': 'bigint', 'started_at': 'timestamp'
    }) }}
),

current_rows as (
    select *
    from {{ optional_source('activation', 'sync_snapshot', {'sync': 'varchar',
        'row_key': 'varchar'}) }}
),

summed_runs as (
    select
        sync,
        count(*) as runs,
        max(started_at) as last_started_at,
        max_by(status, (started_at, run_id)) as last_status,
        cast(sum(requests) as bigint) as requests,
        cast(sum(coalesce(sent_add, 0) + coalesce(sent_update, 0) + coalesce(sent_remove, 0))
            as bigint) as sent,
        cast(sum(coalesce(invalid, 0)) as bigint) as invalid,
        cast(sum(coalesce(rejected, 0)) as bigint) as rejected,
        cast(sum(coalesce(blocked, 0)) as bigint) as blocked
    from runs
    group by sync
),

summed_rows as (
    select sync, count(*) as acknowledged
    from current_rows
    group by sync
)

select
    summed_runs.*,
    coalesce(summed_rows.acknowledged, 0) as acknowledged
from summed_runs
left join summed_rows on summed_runs.sync = summed_rows.sync
