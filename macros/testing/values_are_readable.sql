{#- Generic test of unreadable_values, a warning: what could not be read and is empty now, a row each column. -#}
{% test values_are_readable(model) %}
{{ config(severity='warn') }}
select
    entity,
    column_name,
    sum(row_count) as occurrences,
    min(value) as example
from {{ model }}
group by entity, column_name
{% endtest %}
