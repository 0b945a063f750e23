{#-
Sources whose record is a state of a thing (an order, a contact, a ticket): the same thing at the
same time may be written twice with other content, as when an order is paid and refunded within one
second. Both are accepted, and what landed later is the newer state. The same content again is a
duplicate.
-#}

{#- Key of a state: content counts, so that only the same content again is a duplicate. -#}
{% macro state_key(id, time) -%}
    {{ id }} || '@' || cast({{ time }} as varchar) || '#' || content_hash
{%- endmacro %}

{#- True for the newest state of each id: by its own time, then by landing. -#}
{% macro is_newest_state(id, time) -%}
    row_number() over (
        partition by {{ id }} order by {{ time }} desc, _loaded_at desc, _batch_id desc, _line desc
    ) = 1
{%- endmacro %}
