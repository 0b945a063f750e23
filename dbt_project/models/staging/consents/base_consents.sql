{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'consent_id': 'key', 'identifier_type': 'text', 'identifier': 'text', 'purpose': 'text',
    'channel': 'text', 'status': 'text', 'jurisdiction': 'text', 'occurred_at': 'timestamp',
    'source': 'text',
    'proof': 'text', 'consent_string': 'text'
} %}

with landed as (
    {{ new_records('consents') }}
),

typed as (
    {{ typed_records('landed', columns, required=['consent_id', 'identifier_type', 'identifier',
        'occurred_at']) }}
),

worded as (
    select
        * replace (
            {{ own_key('consent_id', 'consents') }} as consent_id,
            {{ own_key('identifier', 'consents', identifier_type_word('identifier_type')
                ~ " = 'crm_id'") }} as identifier,
            {{ identifier_type_word('identifier_type') }} as identifier_type,
            {{ consent_word('purpose') }} as purpose,
            {{ consent_word('channel') }} as channel,
            {{ consent_word('status') }} as status
        )
    from typed
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['consent_id'],
            allowed={
                'identifier_type': consent_types('names'),
                'purpose': consent_purposes() + ['any'],
                'channel': consent_channels(),
                'status': ['granted', 'denied', 'withdrawn']
            },
            checks=[
                ['consent_string is null'
                    ~ ' and (purpose is null or channel is null or status is null)',
                    'missing_field: purpose, channel and status, or consent_string'],
                ["purpose = 'any' and status = 'granted'",
                'unknown_value: a grant names its purpose'],
                ['(purpose is null) <> (status is null)', 'missing_field: purpose or status']
            ]) }} as fault,
        consent_id as record_key,
        occurred_at as occurred_at
    from worded
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
