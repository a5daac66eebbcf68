{#-
    What a generic test looks at of a relation: its `where`, as dbt has it, and, after a build that took in what arrived, the rows
    that this touched. A build of everything tests all rows; an incremental one tests all rows of every key that changed, of
    every fact whose member of a dimension came or went, and of every customer whose events changed, which is what can have
    become wrong.
-#}
{% macro get_where_subquery(relation) -%}
    {#- `dbt test` by itself tests all rows. -#}
    {%- set rows = adapter.dispatch('touched_rows')(relation)
        if execute and graph.nodes is defined and flags.WHICH == 'build' else none -%}
    {%- if not rows -%}{{ return(dbt.get_where_subquery(relation)) }}{%- endif -%}
    {%- set where = config.get('where') -%}
    {{ return('(' ~ rows ~ (' and (' ~ where ~ ')' if where else '') ~ ') as touched') }}
{%- endmacro %}


{% macro default__touched_rows(relation) -%}{{ return(none) }}{%- endmacro %}


{#- The select of the rows of a relation that the last build touched; none for all rows. -#}
{% macro duckdb__touched_rows(relation) -%}
    {%- set name = relation.identifier -%}
    {%- set state = built(touched_with(name)) -%}
    {%- if not state or not state.since or (state.parts and name not in entities()) -%}{{ return(none) }}{%- endif -%}
    {%- set since = state.since -%}
    {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ name] -%}
    {%- if name in entities() -%}
        {%- set condition -%}
            exists (
                select 1 from ({{ changed_keys(name, since.version) }}) as changed
                where {{ same_key(staging_contract(name).key, 'changed', 'rows_there') }}
            )
        {%- endset -%}
    {%- elif 'customer_id' in node.columns and touched_with(name) == 'customer_totals' -%}
        {%- set condition = 'customer_id in (' ~ touched_customers(since) ~ ')' -%}
    {%- else -%}
        {%- set entity = entity_of(node) -%}
        {%- set dimensions = dimensions_of(node) -%}
        {%- set conditions = [
            'exists (select 1 from (' ~ changed_keys(entity, since[entity]) ~ ') as changed where '
            ~ same_stored_key(staging_contract(entity).key, dimensions, 'rows_there') ~ ')'
        ] -%}
        {%- for column, dimension in dimensions.items() -%}
            {%- do conditions.append(
                'source_' ~ column ~ ' in (' ~ members_changed(dimension, column, since[dimension]) ~ ')'
            ) -%}
        {%- endfor -%}
        {%- set condition = conditions | join(' or ') -%}
    {%- endif -%}
    {{ return('select * from ' ~ relation ~ ' as rows_there where (' ~ condition ~ ')') }}
{%- endmacro %}


{#- The model whose last build tells what was touched of a relation: its own, or that of what is counted over all events. -#}
{% macro touched_with(name) -%}
    {{ return('customer_totals' if name in ['purchases', 'customer_timeline'] else name) }}
{%- endmacro %}
