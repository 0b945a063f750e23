{#- Each batch: records and values that landed are those that were accepted and those that were not,
    none lost. -#}
{% test values_balance(model) %}
{{ unbalanced_counts(model) }}
{% endtest %}
