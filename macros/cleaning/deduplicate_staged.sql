{#-
    The select of a silver model: the good staged rows of an entity, one a key. The newest row wins: the greatest by
    `_as_of`, then by batch, file and place in the file. Example: deduplicate_staged('customers')
-#}
{% macro deduplicate_staged(entity) -%}
{%- set contract = silver_contract(entity) -%}
{%- set columns = contract.columns | map(attribute='name') | list + ['_as_of', '_source_file', '_batch_id'] -%}
with accepted as (
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        _row_number
    from {{ ref('stg_' ~ entity) }}
    where reject_reason is null
),

{{ one_row_per_key('accepted', columns, contract.key, ['_as_of', '_batch_id', '_source_file', '_row_number']) }}
{%- endmacro %}


{#-
    The rest of a query that keeps of each key the first row by `preference`, descending. `relation` is a CTE before it.
-#}
{% macro one_row_per_key(relation, columns, key, preference) -%}
    {{ return(adapter.dispatch('one_row_per_key')(relation, columns, key, preference)) }}
{%- endmacro %}


{% macro default__one_row_per_key(relation, columns, key, preference) -%}
ranked as (
    select
        {{ columns | join(', ') }},
        row_number() over (
            partition by {{ key | join(', ') }}
            order by {{ preference | join(' desc, ') }} desc
        ) as place
    from {{ relation }}
)

select {{ columns | join(', ') }}
from ranked
where place = 1
{%- endmacro %}


{#- Few keys occur twice: counting them all costs less than sorting them all. -#}
{% macro duckdb__one_row_per_key(relation, columns, key, preference) -%}
repeated as (
    select {{ key | join(', ') }}
    from {{ relation }}
    group by {{ key | join(', ') }}
    having count(*) > 1
),

ranked as (
    select
        {{ columns | join(', ') }},
        row_number() over (
            partition by {{ key | join(', ') }}
            order by {{ preference | join(' desc, ') }} desc
        ) as place
    from {{ relation }}
    semi join repeated using ({{ key | join(', ') }})
)

select {{ columns | join(', ') }}
from {{ relation }}
anti join repeated using ({{ key | join(', ') }})
union all
select {{ columns | join(', ') }}
from ranked
where place = 1
{%- endmacro %}
