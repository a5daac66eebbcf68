{#-
    Generic test, a warning: values that are not in the seed of canonical spellings, `Unknown` (a blank) apart, with how many
    rows have each (or how many different values of the column `of`) and, where `amount` names a column, its sum. They are
    kept as they came; add them to the seed when they are right, or to the seed other_words.
-#}
{% test known_value(model, column, seed, of=none, amount=none) %}
{{ config(severity='warn') }}
select
    listed.{{ column }},
    count({{ 'distinct listed.' ~ of if of else '*' }}) as occurrences
    {%- if amount %},
    sum(listed.{{ amount }}) as amount
    {%- endif %}
from (select * from {{ model }}) as listed
where
    listed.{{ column }} <> 'Unknown'
    and listed.{{ column }} not in (select known.{{ column }} from {{ seed }} as known)
group by listed.{{ column }}
{% endtest %}
