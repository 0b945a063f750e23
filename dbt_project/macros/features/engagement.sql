{#- What features__engagement counts of e-mail; the input has event_type and age_days. -#}
{% macro message_features() -%}
    {%- for name, kind in {'sent': 'sent', 'opens': 'open', 'clicks': 'click'}.items() %}
    {%- for days in [30, 90, 365] %}
    {{ count_in("(event_type = '" ~ kind ~ "')::integer", days) }} as email_{{ name }}_{{ days }}d,
    {%- endfor %}
    {%- endfor %}
    {%- for name, kind in {'bounces': 'bounce', 'unsubscribes': 'unsubscribe',
        'spam_reports': 'spam_report'}.items() %}
    {{ count_in("(event_type = '" ~ kind ~ "')::integer") }} as email_{{ name }}_lifetime,
    {%- endfor %}
    {{ share(
        count_in("(event_type = 'open')::integer", 90),
        count_in("(event_type = 'sent')::integer", 90)
    ) }} as email_open_rate_90d,
    {{ share(
        count_in("(event_type = 'click')::integer", 90),
        count_in("(event_type = 'sent')::integer", 90)
    ) }} as email_click_rate_90d,
    min(age_days) filter (where event_type = 'open') as days_since_last_email_open,
    min(age_days) filter (where event_type = 'click') as days_since_last_email_click
{%- endmacro %}

{#- Columns of features__engagement about support tickets. An answer or a satisfaction mark counts
    once the ticket is resolved. -#}
{% macro ticket_features() -%}
    {{ count_in('is_ticket::integer', 30) }} as tickets_30d,
    {{ count_in('is_ticket::integer', 90) }} as tickets_90d,
    {{ count_in('is_ticket::integer') }} as tickets_lifetime,
    {{ count_in('is_open::integer') }} as open_tickets,
    min(age_days) filter (where is_ticket) as days_since_last_ticket,
    ({{ exact_average('satisfaction') }} filter (where is_resolved))::double
        as average_ticket_satisfaction,
    ({{ exact_average('hours_to_resolve') }} filter (where is_resolved))::double
        as average_ticket_hours
{%- endmacro %}

{#- 0 to 100: days with activity (40 points at 8 of the last 30), product views (20 at 20 in 30
    days), e-mail clicks (20 at 3 in 90 days) and orders (20 at 3 in 90 days); each part grows
    evenly up to its full mark. -#}
{% macro engagement_score() -%}
    (
        40 * least(1.0, behaviour.active_days_30d / 8.0)
        + 20 * least(1.0, behaviour.product_views_30d / 20.0)
        + 20 * least(1.0, e_mail.email_clicks_90d / 3.0)
        + 20 * least(1.0, value.orders_90d / 3.0)
    )::double
{%- endmacro %}
