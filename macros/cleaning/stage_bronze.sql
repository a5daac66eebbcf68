{#-
    The select of a staging model: every bronze row of an entity once, with silver's columns cleaned, its place
    (`_row_number`, `_as_of`, `_source_file`, `_batch_id`), `reject_reason` (null for a good row) and `raw_row` (a rejected
    row as it came, as JSON).
    `enumerations` maps a column to the seed of its canonical spellings, whose column has the same name.
    Example: stage_bronze('loyalty_accounts', enumerations={'tier_level': ref('loyalty_tiers')})
-#}
{% macro stage_bronze(entity, enumerations={}) -%}
{%- set contract = silver_contract(entity) -%}
{%- set place = ['_row_number', '_as_of', '_source_file', '_batch_id'] -%}
{%- set raw_columns = {} -%}
{%- for column in contract.columns -%}
    {%- do raw_columns.update({column.bronze_column: quoted('raw ' ~ column.bronze_column)}) -%}
{%- endfor -%}
with bronze as (
    select * from {{ source('bronze', entity) }}
),

typed as (
    select
        {%- for column in contract.columns %}
        {{ clean_raw(quoted(column.bronze_column), column.type) }} as {{ column.name }},
        {%- endfor %}
        {%- for name, raw_column in raw_columns.items() %}
        {{ quoted(name) }} as {{ raw_column }},
        {%- endfor %}
        {{ place | join(',\n        ') }}
    from bronze
),

judged as (
    select
        {%- for column in contract.columns %}
        {{ canonical_value(column, enumerations) }} as {{ column.name }},
        {%- endfor %}
        {%- for raw_column in raw_columns.values() %}
        typed.{{ raw_column }},
        {%- endfor %}
        {%- for column in place %}
        typed.{{ column }},
        {%- endfor %}
        {{ reject_reason(contract) }} as reject_reason
    from typed
    {%- for column, seed in enumerations.items() %}
    left join (
        {#- One spelling a value, whatever the seed has: a second one would double the row. #}
        select
            lower({{ column }}) as in_lower_case,
            min({{ column }}) as {{ column }}
        from {{ seed }}
        group by lower({{ column }})
    ) as {{ column }}_list
        on lower(typed.{{ column }}) = {{ column }}_list.in_lower_case
    {%- endfor %}
)

select
    {%- for column in contract.columns %}
    {{ column.name }},
    {%- endfor %}
    {{ place | join(',\n    ') }},
    reject_reason,
    case when reject_reason is not null then {{ json_row(raw_columns) }} end as raw_row
from judged
{%- endmacro %}


{#- A typed value in its canonical spelling, or what stands for a blank. -#}
{% macro canonical_value(column, enumerations) -%}
    {%- set candidates = ['typed.' ~ column.name] -%}
    {%- if column.name in enumerations -%}
        {%- set candidates = [column.name ~ '_list.' ~ column.name] + candidates -%}
    {%- endif -%}
    {%- if column.blank -%}{%- set candidates = candidates + [sql_text(column.blank)] -%}{%- endif -%}
    {{ return('coalesce(' ~ candidates | join(', ') ~ ')' if candidates | length > 1 else candidates[0]) }}
{%- endmacro %}


{#-
    Why a typed row is rejected, the first reason that holds: a key that is null (or -1, which is the unknown member's, in
    a dimension), then the columns under `rejects` in the order of the contract.
-#}
{% macro reject_reason(contract) -%}
    case
        {%- for column in contract.key %}
        when typed.{{ column }} is null then 'invalid_key'
        {%- if contract.dimension %}
        when typed.{{ column }} = -1 then 'invalid_key'
        {%- endif %}
        {%- endfor %}
        {%- for reason in ['invalid_datetime', 'invalid_amount'] %}
        {%- for column in contract.rejects.get(reason, []) %}
        when typed.{{ column }} is null then '{{ reason }}'
        {%- endfor %}
        {%- endfor %}
    end
{%- endmacro %}
