{#-
Identifiers that meet more others than their type may: a kiosk's cookie, a placeholder that nobody
has blocked yet. They are shared and join nobody, not even the first that they met.

most_links counts all neighbours, most_people those of any one type that is stronger (for the
strongest type: of any one other that distinguishes people). An identifier that looks made up
(suspicion) may meet fewer of any one type that distinguishes people: one, or three if it is only a
word; one without meaning may meet two of any type. met (with the level of each link), suspects
(node, suspicion > 0), policy_types: names of relations.

Returns node and shared_from: links of that level and of weaker ones join nobody. Stronger ones stay
where they break no limit: an address stays with its owner, however many others use it. A browser
has no owner, so all of its links are left out.
-#}
{% macro hubs(met, suspects, policy_types) -%}
    select node, min(shared_from) as shared_from
    from (
        select
            ranked.node,
            case when own.is_personal and coalesce(suspects.suspicion, 0) = 0
                then ranked.level else 0 end as shared_from,
            own.most_links,
            own.most_people,
            case when coalesce(own.has_low_limits, true) then coalesce(suspects.suspicion, 0)
                else 0 end as suspicion,
            theirs.priority < own.priority or (own.priority = 1 and theirs.is_personal)
                as is_counted,
            theirs.priority < own.priority or theirs.is_personal as is_personal,
            ranked.place,
            ranked.place_in_type
        from (
            select
                *,
                row_number() over (partition by node order by level) as place,
                row_number() over (partition by node, other_type order by level) as place_in_type
            from ({{ neighbours_of_busy(met, suspects, policy_types) }}) as neighbours
        ) as ranked
        inner join {{ policy_types }} as own on ranked.identifier_type = own.identifier_type
        left join {{ policy_types }} as theirs on ranked.other_type = theirs.identifier_type
        left join {{ suspects }} as suspects on ranked.node = suspects.node
    ) as meetings
    where
        place > most_links
        or (is_counted and place_in_type > most_people)
        or (suspicion > 0 and is_personal and place_in_type > case when suspicion = 1
            then 3 else 1 end)
        or (suspicion = 3 and place_in_type > 2)
    group by node
{%- endmacro %}

{#- The neighbours of identifiers that meet more others than the tightest limit of any type, or look
    made up, each with the level of the strongest link to it. -#}
{% macro neighbours_of_busy(met, suspects, policy_types) -%}
    select identifier_type, node, other_type, other, min(level) as level
    from (
        select met.left_type as identifier_type, met.left_node as node,
            met.right_type as other_type, met.right_node as other, met.level
        from {{ met }} as met
        where met.left_node in ({{ busy(met, suspects, policy_types) }})
        union all
        select met.right_type, met.right_node, met.left_type, met.left_node, met.level
        from {{ met }} as met
        where met.right_node in ({{ busy(met, suspects, policy_types) }})
    ) as ends
    group by all
{%- endmacro %}

{% macro busy(met, suspects, policy_types) -%}
    select node
    from (select unnest([left_node, right_node]) as node from {{ met }}) as ends
    group by node
    having count(*) > (select min(least(most_links, most_people)) from {{ policy_types }})
    union all
    select node from {{ suspects }}
{%- endmacro %}
