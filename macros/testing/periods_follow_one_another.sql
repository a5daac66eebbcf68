{#-
    Generic test of a history: no period of a `key` ends before it begins, or after the next one begins, and just that without an
    end is current, of which there is no later one. Example: periods_follow_one_another: {arguments: {key: customer_id}}
-#}
{% test periods_follow_one_another(model, key) %}
select
    {{ key }},
    valid_from,
    valid_to
from (
    select
        {{ key }},
        valid_from,
        valid_to,
        is_current,
        lead(valid_from) over (partition by {{ key }} order by valid_from) as next_from
    from {{ model }}
) as periods
where
    valid_to <= valid_from
    or valid_to > next_from
    or (valid_to is null and next_from is not null)
    or is_current <> case when valid_to is null then 1 else 0 end
{% endtest %}
