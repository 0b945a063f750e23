{#-
The amounts of an order, in one form. A refund or discount written as a negative number is its
absolute value. A whole refund or cancellation without an amount is the whole total. A refund counts
up to the total, a discount up to the goods. What was changed, or does not fit together, is named in
`marks`.
-#}

{#- The refund as meant: without its sign; the whole total where the status is a full refund without
    an amount. -#}
{% macro stated_refund() -%}
    case
        when status = 'refunded' and coalesce(refunded, 0) = 0 then total
        when status = 'cancelled' and refunded is null then total
        else abs(refunded)
    end
{%- endmacro %}

{#-
The total by its parts, where shops differ: tax on top of the goods, or within their price. 5 cents
are rounding of lines; a thousandth is that of currencies without small units.
-#}
{% macro parts_differ() -%}
    abs(subtotal - coalesce(abs(discount), 0) + coalesce(shipping, 0) + coalesce(tax, 0) - total)
        > greatest(0.05, total / 1000)
    and abs(subtotal - coalesce(abs(discount), 0) + coalesce(shipping, 0) - total)
        > greatest(0.05, total / 1000)
{%- endmacro %}

{#- Names of what was changed or looks odd, separated by commas; NULL for an ordinary order. -#}
{% macro order_marks() -%}
    nullif(concat_ws(
        ', ',
        case when refunded < 0 then 'negative_refund' end,
        case when status = 'refunded' and coalesce(refunded, 0) = 0 and total > 0
            then 'refund_without_amount' end,
        case when abs(refunded) > total then 'refund_above_total' end,
        case when status = 'refunded' and abs(refunded) < total and refunded <> 0
            then 'refund_below_total' end,
        case when discount < 0 then 'negative_discount' end,
        case when abs(discount) > subtotal then 'discount_above_subtotal' end,
        case when shipping < 0 then 'negative_shipping' end,
        case when tax < 0 then 'negative_tax' end,
        case when updated_at < ordered_at then 'changed_before_ordered' end,
        case when {{ parts_differ() }} then 'parts_differ_from_total' end
    ), '')
{%- endmacro %}

{#- Faults of an order's money: [condition, 'code: detail'] pairs for first_fault. -#}
{% macro order_checks() -%}
    {{ return([
        ['total < 0', 'negative_amount: total'],
        ['subtotal < 0', 'negative_amount: subtotal'],
        ["status = 'partially_refunded' and coalesce(refunded, 0) = 0", 'missing_field: refunded'],
        ['not ' ~ is_list_of_objects('items'), 'invalid_value: items'],
        ['currency not in (' ~ currency_codes() ~ ')', 'unknown_value: currency'],
    ]) }}
{%- endmacro %}
