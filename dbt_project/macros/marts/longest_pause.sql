{#-
The longest pause within a visit. 30 minutes are the convention of web analytics since its first
tools. Events with one session id of their tracker are one visit also over a longer pause: the
tracker knows when a visit ends. A tracker that always sends the same id is held to 8 hours; the
longest time-out of a visit that Google Analytics lets one set is 7 hours 55 minutes.
-#}
{% macro longest_pause() -%}
    case when tracker_session_id is null then interval 30 minute else interval 8 hour end
{%- endmacro %}
