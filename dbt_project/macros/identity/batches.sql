{#- Which records of a source to read: all; or, in a partial run, those of batches that are new. A
    source of which a batch has lost or changed records since it was read is read whole. -#}
{% macro unread_records(source) -%}
    {%- set batches = ref('claim_batches') -%}
    {%- if not is_partial() -%}
        {{ return("true") }}
    {%- endif -%}
    {%- if source in replaced_sources() -%}
        {{ return("true") }}
    {%- endif -%}
    {%- set fresh = run_query(
        "select _batch_id from " ~ batches ~ " where state = 'new' and source = '" ~ source
        ~ "' order by _batch_id"
    ).columns[0].values() -%}
    {{ return("_batch_id in ('" ~ fresh | join("', '") ~ "')" if fresh else "false") }}
{%- endmacro %}

{#- Sources of which a batch that was read before is not what it was. -#}
{% macro replaced_sources() -%}
    {%- set batches = ref('claim_batches') -%}
    {%- if not is_partial() -%}
        {{ return([]) }}
    {%- endif -%}
    {{ return(run_query(
        "select distinct source from " ~ batches
            ~ " where state in ('changed', 'removed') order by source"
    ).columns[0].values() | list) }}
{%- endmacro %}

{#-
Whether a source is read again. What it states now replaces what it stated, so all that depends on
it is computed from all claims. Otherwise there are additions only, and a run adds them to the
existing rows.
-#}
{% macro is_restated() -%}
    {{ return(replaced_sources() | length > 0) }}
{%- endmacro %}

{#- One of each claim: a claim is kept as often as runs have heard it. -#}
{% macro merged_claims(claims) -%}
    select
        source, rule, left_type, left_value, right_type, right_value, country,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(struct_pack(at := first_seen_at, record_id := record_id)).record_id as record_id,
        cast(sum(records) as bigint) as records
    from ({{ claims }}) as claims
    group by all
{%- endmacro %}

{#- A changed claim of a source that is read again, in any of its times. -#}
{% macro same_claim() -%}
    {%- set claim_changes = ref('claim_changes') -%}
    {%- if not is_restated() -%}
        {{ return("false") }}
    {%- endif -%}
    source in ('{{ replaced_sources() | join("', '") }}') and exists (
        select 1 from {{ claim_changes }} as changes
        where existing.source = changes.source and existing.rule = changes.rule
            and existing.left_type = changes.left_type and existing.left_value = changes.left_value
            and existing.right_type is not distinct from changes.right_type
            and existing.right_value is not distinct from changes.right_value
            and existing.country is not distinct from changes.country
    )
{%- endmacro %}

{#- Batches that are not what was read of them, or were not read yet. -#}
{% macro reread_batches() -%}
    (source, _batch_id) in (select (source, _batch_id) from {{ ref('claim_batches') }}
        where state <> 'known')
{%- endmacro %}
