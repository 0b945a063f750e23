{#-
CTEs that settle each judged record (fault, record_key, content_hash): the first of a key is
accepted, the same content again is a duplicate, other content under the same key is quarantined.
First is what landed first: by _loaded_at, _batch_id, _line; what earlier runs accepted stays
accepted.

Records are read twice, once for their keys and once for the rest: sorting whole records by key
would spill to disk.
-#}
{% macro settled_records(judged) -%}
    keys as (
        select record_key, content_hash, _loaded_at, _batch_id, _line
        from {{ judged }}
        where fault is null
    ),

    known as (
        select record_key as known_key, content_hash as known_hash
        {%- if is_incremental() %}
        from {{ this }}
        where outcome = 'accepted' and record_key in (select record_key from keys)
        {%- else %}
        from keys
        where false
        {%- endif %}
    ),

    ranked as (
        select
            *,
            first_value(content_hash) over first_of_key as first_hash,
            row_number() over first_of_key as nth_of_key
        from keys
        window first_of_key as (partition by record_key order by _loaded_at, _batch_id, _line)
    ),

    repeated as (
        select
            ranked._batch_id as repeated_batch_id,
            ranked._line as repeated_line,
            case
                when ranked.content_hash is distinct
                    from coalesce(known.known_hash, ranked.first_hash)
                    then 'conflicting_id: another record with this id has other content'
            end as conflict
        from ranked
        left join known on ranked.record_key = known.known_key
        where known.known_hash is not null or ranked.nth_of_key > 1
    ),

    settled as (
        select
            *,
            coalesce(fault, conflict) as verdict,
            case
                when coalesce(fault, conflict) is not null then 'quarantined'
                when repeated_line is not null then 'duplicate'
                else 'accepted'
            end as outcome
        from {{ judged }}
        left join repeated on _batch_id = repeated_batch_id and _line = repeated_line
    )
{%- endmacro %}

{#-
The columns of every base model, in front of its own; _raw is kept of quarantined records alone. The
outcome of the values is kept of accepted ones: cleared ('column: reason' of each value that is no
good), unread, fields_accepted, fields_empty.
-#}
{% macro settled_columns() -%}
    _batch_id || ':' || cast(_line as varchar) as record_id,
    outcome,
    split_part(verdict, ':', 1) as reason,
    nullif(trim(substr(verdict, length(split_part(verdict, ':', 1)) + 2)), '') as detail,
    record_key,
    content_hash,
    occurred_at,
    _source,
    _file,
    _line,
    _batch_id,
    _loaded_at,
    case when outcome = 'quarantined' then _raw end as _raw,
    case when outcome = 'accepted' then cleared end as cleared,
    case when outcome = 'accepted' then unread end as unread,
    case when outcome = 'accepted' then fields_accepted end as fields_accepted,
    case when outcome = 'accepted' then fields_empty end as fields_empty
{%- endmacro %}
