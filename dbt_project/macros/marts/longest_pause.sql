{#-
The longest pause within a visit. 30 minutes are the convention of web analytics since its first
tools. Events with one session id of their tracker are one visit also over a longer pause: the
tracker knows when a visit ends. Some trackers always send the same id, so a pause of more than 8
hours ends a visit all the same; Google Analytics lets one set a time-out of 7 hours 55 minutes at
most.
-#}
{% macro longest_pause() -%}
    case when tracker_session_id is null then interval 30 minute else interval 8 hour end
{%- endmacro %}
