{#-
    Generic test, a warning: values that are not in the seed of canonical spellings, `Unknown` (a blank) apart. They are
    kept as they came; add them to the seed when they are right.
-#}
{% test known_value(model, column, seed) %}
{{ config(severity='warn') }}
select
    listed.{{ column }},
    count(*) as occurrences
from {{ model }} as listed
where
    listed.{{ column }} <> 'Unknown'
    and listed.{{ column }} not in (select known.{{ column }} from {{ seed }} as known)
group by listed.{{ column }}
{% endtest %}
