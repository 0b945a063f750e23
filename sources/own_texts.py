"""Templates of the files of an own source: `own_files` fills them.

Curly brackets that stay are doubled.
"""

NUMBERED = """\
-- No column of a record is its key: the second record of the same content is another one.
numbered as (
    select
        *,
        row_number() over (partition by _batch_id, content_hash order by _line) as nth_in_file
    from typed
),

"""
BASE = """\
{{{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail'
) }}}}

{{%- set columns = {{
{columns}
}} %}}

with landed as (
    {{{{ new_records('{name}') }}}}
),

typed as (
    {{{{ typed_records('landed', columns, required=[{required}]) }}}}
),

{numbered}judged as {{{{ streamed() }}}} (
    select
        *,
        {{{{ first_fault(key={key}) }}}} as fault,
        {record_key} as record_key,
        {occurred_at} as occurred_at
    from {relation}
),

{{{{ settled_records('judged') }}}}

select
    {{{{ settled_columns() }}}},
    {{{{ columns.keys() | join(', ') }}}}
from settled
"""
BASE_YML = """\
sources:
  - name: raw
    database: lake
    schema: raw
    tables:
      - name: {name}
        description: Records of {name} as they landed. One row per landed record.

models:
  - name: base_{name}
    description: >-
      Landed records of {name}, judged. {once} is not counted as a new record.
      One row per landed record.
    columns:
      - name: record_id
        description: 'Load and line the record came from, the key of evidence everywhere behind.'
      - name: outcome
        description: 'accepted, quarantined or duplicate.'
      - name: reason
        description: 'Short code of why it is quarantined.'
      - name: detail
        description: 'What was found, in names of fields, never values.'
      - name: record_key
        description: 'What makes it the same record: seen again it is a duplicate or a conflict.'
      - name: occurred_at
        description: 'Naive UTC; what record_times is taken from.'
      - name: _raw
        description: 'The landed text, of quarantined records alone.'
      - name: cleared
        description: 'Of an accepted record: each column whose value was no good, with the reason.'

unit_tests:
  - name: {name}_is_judged
    description: Each record is accepted, a duplicate, or quarantined with its reason.
    model: base_{name}
    overrides:
      macros: {{is_incremental: false}}
    given:
      - input: source('raw', '{name}')
        rows:
{rows}
    expect:
      rows:
{expected}
"""
STAGING = """\
{{{{ config(materialized='view') }}}}

select
    record_id,
{columns}
    _loaded_at,
    _batch_id,
    _file,
    _line
from {{{{ ref('base_{name}') }}}}
where outcome = 'accepted'
"""
STAGING_YML = """\
models:
  - name: {relation}
    description: >-
      Accepted records of {name}. E-mail addresses and phone numbers are as written.
      One row per accepted record.
    columns:
      - name: record_id
        description: 'Load and line of the record, the evidence behind the row.'
"""
CLAIMS = """\
{{{{ config(materialized='ephemeral') }}}}
{{{{ identifier_claims(
    relation=ref('{relation}'),
    source='{name}',
    observed_at='{observed_at}',
    identifiers={{
{identifiers}
    }},
{more}) }}}}
"""
CLAIMS_YML = """\
models:
  - name: claims__{name}
    description: >
      What the source {name} states about identifiers before as_of, as written.
      One row per (rule, left value, right value, country).
    columns:
      - {{name: source, description: The source that states it}}
      - {{name: rule, description: "'seen' for one identifier by itself, else the joining rule"}}
      - {{name: left_type, description: Type of the first identifier}}
      - {{name: left_value, description: The first identifier as written}}
      - {{name: right_type, description: Type of the second identifier; NULL for 'seen'}}
      - {{name: right_value, description: The second identifier as written; NULL for 'seen'}}
      - {{name: country, description: Country by which a national phone number is read}}
      - {{name: first_seen_at, description: When it was first stated (naive UTC)}}
      - {{name: last_seen_at, description: When it was last stated (naive UTC)}}
      - {{name: record_id, description: The first record that states it}}
      - {{name: records, description: How many records state it}}
"""
