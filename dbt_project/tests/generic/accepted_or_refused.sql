{#- Each value is either accepted (it has an identifier) or refused with a reason, never both or
    neither. -#}
{% test accepted_or_refused(model) %}
select * from {{ model }} where (identifier is null) = (refusal is null)
{% endtest %}
