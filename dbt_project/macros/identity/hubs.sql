{#-
Identifiers that meet more others than their type may: a kiosk's cookie, a placeholder that nobody
has blocked yet. They join nobody, not even the first that they met.

most_links counts all neighbours, most_people those of any one type that is stronger (for the
strongest type: of any one other that distinguishes people). An identifier that looks made up
(suspicion) may meet fewer of any one type that distinguishes people: one, or three if it is only a
word; one without meaning may meet two of any type. met, suspects (node, suspicion > 0),
policy_types: names of relations.
-#}
{% macro hubs(met, suspects, policy_types) -%}
    select node
    from (
        select
            neighbours.node,
            neighbours.other_type,
            own.most_links,
            own.most_people,
            case when coalesce(own.has_low_limits, true) then coalesce(suspects.suspicion, 0)
                else 0 end as suspicion,
            theirs.priority < own.priority or (own.priority = 1 and theirs.is_personal)
                as is_counted,
            theirs.priority < own.priority or theirs.is_personal as is_personal,
            count(*) as number
        from (
            {{ neighbours_of_busy(met, suspects, policy_types) }}
        ) as neighbours
        inner join {{ policy_types }} as own on neighbours.identifier_type = own.identifier_type
        left join {{ policy_types }} as theirs on neighbours.other_type = theirs.identifier_type
        left join {{ suspects }} as suspects on neighbours.node = suspects.node
        group by all
    ) as meetings
    group by node, most_links, most_people, suspicion
    having
        sum(number) > most_links
        or max(case when is_counted then number end) > most_people
        or (suspicion > 0 and max(case when is_personal then number end) > case when suspicion = 1
            then 3 else 1 end)
        or (suspicion = 3 and max(number) > 2)
{%- endmacro %}

{#- The neighbours of identifiers that meet more others than the tightest limit of any type, or look
    made up. -#}
{% macro neighbours_of_busy(met, suspects, policy_types) -%}
    select met.left_type as identifier_type, met.left_node as node, met.right_type as other_type,
        met.right_node as other
    from {{ met }} as met
    where met.left_node in ({{ busy(met, suspects, policy_types) }})
    union
    select met.right_type, met.right_node, met.left_type, met.left_node
    from {{ met }} as met
    where met.right_node in ({{ busy(met, suspects, policy_types) }})
{%- endmacro %}

{% macro busy(met, suspects, policy_types) -%}
    select node
    from (select unnest([left_node, right_node]) as node from {{ met }}) as ends
    group by node
    having count(*) > (select min(least(most_links, most_people)) from {{ policy_types }})
    union all
    select node from {{ suspects }}
{%- endmacro %}
