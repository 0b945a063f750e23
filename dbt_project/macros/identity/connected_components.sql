{#-
Connected components of undirected links between integer nodes (0 <= node < 2147483647), by rounds
of contraction: every node takes the smallest label in its closed neighbourhood, nodes with one
label become one node, and the links between them go to the next round. Labels are shuffled in each
round by x -> (a x + b) mod (2^31 - 1), a bijection, so that no arrangement of the nodes (a long
chain in order) is worse than another: the number of rounds grows with the logarithm of the longest
chain. After M. Boegeholz, M. Brand, R.-A. Todor, "In-database connected component analysis", ICDE
2020.

links: a query with columns left_node, right_node. Returns a query with columns node, component for
every node that has a link; component is a number without meaning beyond this run. Works on
temporary tables of this connection.
-#}
{% macro connected_components(links, name) -%}
    {%- if not execute or flags.WHICH not in ('run', 'build') -%}
        {{ return("select cast(null as bigint) as node, cast(null as bigint) as component "
            ~ "where false") }}
    {%- endif -%}
    {%- do run_query("create or replace temp table " ~ name ~ "_links_0 as " ~ links) -%}
    {%- set rounds = [] -%}
    {#- 64 rounds are beyond any graph that fits an integer node; a run that needs more has a defect
        and must fail. -#}
    {%- for round in range(64) -%}
        {%- if not rounds or rounds[-1] > 0 -%}
            {%- do rounds.append(contract_links(name, round)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if rounds[-1] > 0 -%}
        {{ exceptions.raise_compiler_error("connected components did not settle in 64 rounds") }}
    {%- endif -%}
    {%- for round in range(rounds | length - 2, -1, -1) -%}
        {%- do run_query(settle_labels(name, round)) -%}
        {%- do run_query("drop table " ~ name ~ "_labels_" ~ (round + 1)) -%}
    {%- endfor -%}
    {{ return("select node, label as component from " ~ name ~ "_labels_0") }}
{%- endmacro %}

{#- One round; gives the number of links left between different nodes. -#}
{% macro contract_links(name, round) -%}
    {#- Multipliers of a Lehmer generator with the same modulus: full period, so each round shuffles
        again. -#}
    {%- set multiplier = [16807, 48271, 69621, 39373, 742938285, 950706376, 1226874159,
        62089911][round % 8] -%}
    {%- set shuffled = "(({} * " ~ multiplier ~ " + " ~ (round * 7919 + 1) ~ ") % 2147483647)" -%}
    {%- set near = "least(" ~ shuffled.replace('{}', 'left_node') ~ ", "
        ~ shuffled.replace('{}', 'right_node') ~ ")" -%}
    {%- do run_query(
        "create or replace temp table " ~ name ~ "_labels_" ~ round
            ~ " as select node, min(near) as label from ("
        ~ "select left_node as node, " ~ near ~ " as near from " ~ name ~ "_links_" ~ round
        ~ " union all select right_node, " ~ near ~ " from " ~ name ~ "_links_" ~ round
            ~ ") group by node"
    ) -%}
    {%- do run_query(
        "create or replace temp table " ~ name ~ "_links_" ~ (round + 1) ~ " as select distinct "
        ~ "least(l.label, r.label) as left_node, greatest(l.label, r.label) as right_node from "
        ~ name ~ "_links_" ~ round ~ " as links inner join " ~ name ~ "_labels_" ~ round
            ~ " as l on links.left_node = l.node "
        ~ "inner join " ~ name ~ "_labels_" ~ round
            ~ " as r on links.right_node = r.node where l.label <> r.label"
    ) -%}
    {%- do run_query("drop table " ~ name ~ "_links_" ~ round) -%}
    {{ return(run_query("select count(*) from " ~ name ~ "_links_"
        ~ (round + 1)).columns[0].values()[0] | int) }}
{%- endmacro %}

{#-
Labels of a round carried to the final ones of the round after it. A node that ended in this round
keeps its label, moved to a range of its own (2^31 per round), for labels of different rounds may be
the same number.
-#}
{% macro settle_labels(name, round) -%}
    create or replace temp table {{ name }}_labels_{{ round }} as
    select near.node, coalesce(far.label, {{ round + 1 }} * 2147483648 + near.label) as label
    from {{ name }}_labels_{{ round }} as near
    left join {{ name }}_labels_{{ round + 1 }} as far on near.label = far.node
{%- endmacro %}
