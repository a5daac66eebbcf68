{#-
    The rows of silver that a dimension or fact is built from: all of them, or, incrementally, those whose key changed, and
    those of its own whose members of dimensions have come or gone since, as they came from silver. Its foreign keys say which
    those are. Example: rows_to_build(ref('online_transactions'))
-#}
{% macro rows_to_build(relation) -%}
    {%- if not is_incremental() -%}{{ return(relation) }}{%- endif -%}
    {%- set entity = relation.identifier -%}
    {%- set by = deduplication(entity) -%}
    {%- set since = increment().since -%}
    {%- set columns = by.key + (['line_number'] if by.numbered else [])
        + (by.columns | reject('in', by.key + ['_as_of', '_source_file']) | list) + ['_batch_id'] | unique | list -%}
    {%- set columns = columns | unique | list -%}
    {%- set dimensions = dimensions_of(model) -%}
    {%- set stale = [] -%}
    {%- for column, dimension in dimensions.items() if members_that_came_or_went(dimension, since[dimension]) -%}
        {%- do stale.append('facts.source_' ~ column ~ ' in (' ~ members_changed(dimension, column, since[dimension]) ~ ')') -%}
    {%- endfor -%}
    {%- set rows -%}
    (
    {{ changed_rows(entity, columns, since[entity]) }}
    {%- if stale %}
    union all
    select
        {%- for column in columns %}
        facts.{{ stored_column(column, dimensions) }} as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ published_relation() }} as facts
    where
        ({{ stale | join(' or ') }})
        and not exists (
            select 1 from ({{ changed_keys(entity, since[entity]) }}) as changed
            where {{ same_stored_key(by.key, dimensions) }}
        )
    {%- endif %}
    ) as changed_rows
    {%- endset -%}
    {{ return(rows) }}
{%- endmacro %}


{#- The dimensions that a model's foreign keys point to, by column; days come with the facts. -#}
{% macro dimensions_of(node) -%}
    {%- set dimensions = {} -%}
    {%- for constraint in node.constraints or [] if constraint.type == 'foreign_key' -%}
        {%- set dimension = modules.re.findall('\\w+', constraint.to) | last -%}
        {%- if dimension != 'dim_dates' -%}{%- do dimensions.update({constraint.columns[0]: dimension}) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(dimensions) }}
{%- endmacro %}


{#- What a column of silver is called in the fact: what points to a dimension is kept as it came beside it. -#}
{% macro stored_column(column, dimensions) -%}
    {{ return(('source_' if column in dimensions else '') ~ column) }}
{%- endmacro %}


{#- The condition that a row of a fact has the key of one of `changed`. -#}
{% macro same_stored_key(key, dimensions, fact='facts') -%}
    {%- for column in key -%}
        {{ ' and ' if not loop.first }}changed.{{ column }} = {{ fact }}.{{ stored_column(column, dimensions) }}
    {%- endfor -%}
{%- endmacro %}
