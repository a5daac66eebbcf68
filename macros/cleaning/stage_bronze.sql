{#-
    The select of a staging model: every bronze row of an entity once (or, incrementally, those that it has not taken in yet), with silver's columns cleaned by the contract in the
    model's YAML, its place (`_row_number`, `_as_of`, `_source_file`, `_batch_id`), what is carried on, `reject_reason` (null for a good row),
    `raw_row` (a rejected row as it came, as JSON) and, for each column that is null where it cannot be read,
    `unreadable_<column>`: the value that could not be.
    `enumerations` maps a column to the seed of its canonical spellings, whose column has the same name; `other_words` is
    the seed of other words for them. `exchange_rates`, of an entity with amounts in currencies, is the seed of their rates.
    Example: stage_bronze('loyalty_accounts', {'tier_level': ref('loyalty_tiers')}, ref('other_words'))
-#}
{% macro stage_bronze(entity, enumerations={}, other_words=none, exchange_rates=none) -%}
{%- set contract = staging_contract(entity) -%}
{%- set place = ['_row_number', '_as_of', '_source_file', '_batch_id'] + contract.carried -%}
{%- set raw_columns = {} -%}
{%- for column in contract.columns -%}
    {%- do raw_columns.update({column.bronze_column: quoted('raw ' ~ column.bronze_column)}) -%}
{%- endfor -%}
{%- set columns = contract.columns | map(attribute='name') | list -%}
{%- set time = contract.columns | selectattr('type', 'equalto', 'timestamp') | first | default({'name': 'none'}) -%}
with bronze as (
    select * from {{ arrived_bronze(source('bronze', entity), entity) }}
),
{% if exchange_rates %}
exchange_rates as (
    {{ rate_periods(exchange_rates) }}
),
{% endif %}
typed as (
    select
        {%- for column in contract.columns %}
        {{ clean_raw(quoted(column.bronze_column), column.type) }} as {{ column.name }},
        {%- endfor %}
        {%- if contract.lines == 'always' %}
        {{ moment_fraction(quoted(time.bronze_column)) }} as moment_fraction,
        {%- endif %}
        {%- for name, raw_column in raw_columns.items() %}
        {{ quoted(name) }} as {{ raw_column }},
        {%- endfor %}
        {{ place | join(',\n        ') }}
    from bronze
),

canonical as (
    select
        {%- for column in contract.columns if not (exchange_rates and column.name in ('amount', 'source_currency')) %}
        {{ canonical_value(column, enumerations) }} as {{ column.name }},
        {%- endfor %}
        {%- if exchange_rates %}
        {{ amount_in_reporting_currency('typed.amount', 'typed.source_currency', 'exchange_rates') }} as amount,
        typed.amount as source_amount,
        upper(typed.source_currency) as source_currency,
        {%- endif %}
        {%- if contract.lines == 'always' %}
        typed.moment_fraction,
        {%- endif %}
        {%- for raw_column in raw_columns.values() %}
        typed.{{ raw_column }},
        {%- endfor %}
        typed.{{ place | join(',\n        typed.') }}
    from typed
    {%- for column in contract.columns if column.name in enumerations %}
    left join (
        {{ spellings(column, enumerations[column.name], other_words) }}
    ) as {{ column.name }}_list
        on lower(typed.{{ column.name }}) = {{ column.name }}_list.in_lower_case
    {%- endfor %}
    {%- if exchange_rates %}
    left join exchange_rates
        on
            upper(typed.source_currency) = exchange_rates.currency
            and cast(typed.{{ time.name }} as date) >= exchange_rates.valid_from
            and (
                exchange_rates.valid_until is null
                or cast(typed.{{ time.name }} as date) < exchange_rates.valid_until
            )
    {%- endif %}
),

judged as (
    select
        canonical.*,
        {{ reject_reason(contract) }} as reject_reason
    from canonical
)

select
    {{ columns | reject('equalto', 'source_currency') | join(',\n    ') }},
    {%- if exchange_rates %}
    source_amount,
    source_currency,
    {%- endif %}
    {%- if contract.lines == 'always' %}
    moment_fraction,
    {%- endif %}
    {%- for column in contract.columns if column.name in read_or_null(contract) %}
    case
        when {{ column.name }} is null then {{ unreadable_text(raw_columns[column.bronze_column]) }}
    end as unreadable_{{ column.name }},
    {%- endfor %}
    {{ place | join(',\n    ') }},
    reject_reason,
    case when reject_reason is not null then {{ raw_row(raw_columns) }} end as raw_row
from judged
{%- endmacro %}


{#- A typed value in its canonical spelling, or what stands for a blank. -#}
{% macro canonical_value(column, enumerations) -%}
    {%- set candidates = ['typed.' ~ column.name] -%}
    {%- if column.name in enumerations -%}
        {%- set candidates = [column.name ~ '_list.canonical'] + candidates -%}
    {%- endif -%}
    {%- if column.blank -%}{%- set candidates = candidates + [sql_text(column.blank)] -%}{%- endif -%}
    {{ return('coalesce(' ~ candidates | join(', ') ~ ')' if candidates | length > 1 else candidates[0]) }}
{%- endmacro %}


{#-
    The select of the spellings that are known for a column, in lower case, each with its canonical one: of one that the
    seeds have more than once, the first, since a second one would double the row. Words are cut like the values.
-#}
{% macro spellings(column, seed, other_words) -%}
        select
            in_lower_case,
            coalesce(min(case when is_canonical = 1 then canonical end), min(canonical)) as canonical
        from (
            select
                lower({{ column.name }}) as in_lower_case,
                {{ column.name }} as canonical,
                1 as is_canonical
            from {{ seed }}
            union all
            select
                lower({{ clean_raw('other_word', column.type) }}) as in_lower_case,
                cast(canonical as {{ engine_type(column.type) }}) as canonical,
                0 as is_canonical
            from {{ other_words }}
            where column_name = '{{ column.name }}'
        ) as {{ column.name }}_spellings
        group by in_lower_case
{%- endmacro %}


{#- The raw row as JSON; the currency, which most files do not have, only where there is one. -#}
{% macro raw_row(raw_columns) -%}
    {%- if 'Currency' not in raw_columns -%}{{ return(json_row(raw_columns)) }}{%- endif -%}
    {%- set others = dict(raw_columns) -%}
    {%- set currency = others.pop('Currency') -%}
    case when {{ currency }} is null then {{ json_row(others) }} else {{ json_row(raw_columns) }} end
{%- endmacro %}


{#-
    Why a row is rejected, the first reason that holds: a key that is null (or the unknown member's, in a dimension), then a
    time, then an amount that is null. The columns are those whose `rejects` names the reason.
-#}
{% macro reject_reason(contract) -%}
    case
        {%- for reason in ['invalid_key', 'invalid_datetime', 'invalid_amount'] %}
        {%- for column in contract.columns if column.rejects == reason %}
        when canonical.{{ column.name }} is null then '{{ reason }}'
        {%- if contract.dimension and column.name in contract.key %}
        when canonical.{{ column.name }} = {{ unknown_key(column.type[4:-1]) }} then '{{ reason }}'
        {%- endif %}
        {%- endfor %}
        {%- endfor %}
    end
{%- endmacro %}
