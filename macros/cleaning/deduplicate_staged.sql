{#-
    The select of a silver model: the good staged rows of an entity, one a key. The latest batch wins; within a batch the
    greatest row by the remaining columns in the order of the contract, nulls lowest.
    Example: deduplicate_staged('customers')
-#}
{% macro deduplicate_staged(entity) -%}
{%- set contract = silver_contract(entity) -%}
{%- set columns = contract.columns | map(attribute='name') | list + ['_source_file', '_batch_id'] -%}
{%- set preference = ['_batch_id'] + columns | reject('in', contract.key + ['_batch_id']) | list -%}
with accepted as (
    select
        {%- for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_' ~ entity) }}
    where reject_reason is null
),

{{ one_row_per_key('accepted', columns, contract.key, preference) }}
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
