{#-
    Generic test of a fact, a warning: times before var earliest_plausible_date, or over a day after the batch they came in.
    They are kept, and left out of what is counted by time. Example: times_are_plausible: {arguments: {column: ordered_at}}
-#}
{% test times_are_plausible(model, column) %}
{{ config(severity='warn') }}
select
    {{ column }},
    count(*) as occurrences
from {{ model }}
where time_is_plausible = 0
group by {{ column }}
{% endtest %}
