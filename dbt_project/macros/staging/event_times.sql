{#-
When an event happened, as in the Segment Spec: the time that the server gives in `timestamp`; else
the client's time, corrected by how wrong its clock was when it sent the event: receivedAt - (sentAt
- originalTimestamp). An event is never later than it was received. Each of the times may be missing
or absurd: then the next best one counts. Where none is plausible, the first that reads at all is
judged like any other time. The input has stated_at, original_at and sent_at as they read,
received_at as judged, and _loaded_at.
-#}
{% macro event_times() -%}
    {%- set stated, original = is_plausible('stated_at'), is_plausible('original_at') -%}
    {%- set sent, received = is_plausible('sent_at'), is_plausible('received_at') -%}
    {%- set not_after_receipt = "(not " ~ received ~ " or {0} <= received_at)" -%}
    {%- set corrected = 'received_at - (' ~ within_centuries('sent_at') ~ ' - '
        ~ within_centuries('original_at') ~ ')' -%}
    {{ return([
        [stated ~ ' and ' ~ not_after_receipt.format('stated_at'), 'stated_at', 'stated'],
        [received ~ " and sent_at >= original_at - interval 1 minute and " ~ corrected
            ~ " >= timestamp '1990-01-01'", 'least(' ~ corrected ~ ', received_at)', 'corrected'],
        [original ~ ' and ' ~ not_after_receipt.format('original_at'), 'original_at', 'original'],
        [sent ~ ' and ' ~ not_after_receipt.format('sent_at'), 'sent_at', 'sent'],
        [received, 'received_at', 'received'],
    ]) }}
{%- endmacro %}

{#- True for a time that a clock can have shown: a clock never set shows less, and a day ahead
    allows for zones. -#}
{% macro is_plausible(time) -%}
    coalesce({{ time }} >= timestamp '1990-01-01' and {{ time }} <= _loaded_at + interval 1 day,
        false)
{%- endmacro %}

{#- A time that can be reckoned with: the difference of two such times fits any timestamp. -#}
{% macro within_centuries(time) -%}
    case when {{ time }} between timestamp '1900-01-01' and timestamp '2200-01-01'
        then {{ time }} end
{%- endmacro %}

{#- The time of the event. -#}
{% macro event_time() -%}
    case
        {%- for condition, time, basis in event_times() %}
        when {{ condition }} then {{ time }}
        {%- endfor %}
        else coalesce(stated_at, original_at, sent_at, received_at)
    end
{%- endmacro %}

{#- What the time is taken from: stated, corrected, original, sent or received. -#}
{% macro event_time_basis() -%}
    case
        {%- for condition, time, basis in event_times() %}
        when {{ condition }} then '{{ basis }}'
        {%- endfor %}
    end
{%- endmacro %}
