{#-
    The select of the value of an attribute that each person keeps of those that their records have, and of the record that it
    is from: `key`, `customer_id` and the attribute. `rule` is
    - newest: of the newest record: by `_as_of`, then `_batch_id`, then `customer_id`;
    - most_frequent: the value that most records have; of several, the newest;
    - most_complete: the longest value; of several, the most frequent, then the newest.
    Unknown never wins over a value. `records` is a relation of all records with these columns.
    Example: surviving_values('records', 'person_id', 'email', 'newest')
-#}
{% macro surviving_values(records, key, attribute, rule) -%}
    select
        {{ key }},
        customer_id,
        {{ attribute }}
    from (
        select
            {{ key }},
            customer_id,
            {{ attribute }},
            row_number() over (
                partition by {{ key }}
                order by
                    case when {{ attribute }} = 'Unknown' then 1 else 0 end asc,
                    {%- if rule == 'most_complete' %}
                    {{ text_length(attribute) }} desc,
                    {%- endif %}
                    {%- if rule != 'newest' %}
                    records_with_it desc,
                    {%- endif %}
                    _as_of desc,
                    _batch_id desc,
                    customer_id desc
            ) as place
        from (
            select
                {{ key }},
                customer_id,
                {{ attribute }},
                _as_of,
                _batch_id,
                count(*) over (partition by {{ key }}, {{ attribute }}) as records_with_it
            from {{ records }}
        ) as counted
    ) as ranked
    where place = 1
{%- endmacro %}
