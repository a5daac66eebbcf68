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


{% macro duckdb__touched_rows(relation) -%}{{ return(rows_touched(relation)) }}{%- endmacro %}


{% macro sqlserver__touched_rows(relation) -%}{{ return(rows_touched(relation)) }}{%- endmacro %}


{#- The select of the rows of a relation that the last build touched; none for all rows. -#}
{% macro rows_touched(relation) -%}
    {%- set name = relation.identifier -%}
    {%- if name in ['purchases', 'customer_timeline'] -%}{{ return(rows_of_touched_facts(relation)) }}{%- endif -%}
    {%- set state = built(name) -%}
    {%- if not state or not state.since or (state.parts and name not in relations_by_key()) -%}{{ return(none) }}{%- endif -%}
    {%- set since = state.since -%}
    {%- set node = graph.nodes['model.' ~ project_name ~ '.' ~ name] -%}
    {%- if name in entities() and model.test_metadata.name == 'known_value' -%}
        {#- It looks at each row by itself: the rows that came are enough, and need not be looked for among all. -#}
        {{ return(changed_rows(name, node.columns, since.version)) }}
    {%- elif name in relations_by_key() -%}
        {%- set touched, key, dimensions = changed_keys(name, since.version), deduplication(name).key, {} -%}
    {%- elif name == 'customer_totals' -%}
        {%- set touched, key, dimensions = touched_customers(since), ['customer_id'], {} -%}
    {%- else -%}
        {%- set entity = entity_of(node) -%}
        {%- set key, dimensions = staging_contract(entity).key, dimensions_of(node) -%}
        {%- set found = [changed_keys(entity, since[entity])] -%}
        {%- for column, dimension in dimensions.items() -%}
            {%- set names = [] -%}
            {%- for part in key -%}{%- do names.append(stored_column(part, dimensions)) -%}{%- endfor -%}
            {%- do found.append(
                'select ' ~ names | join(', ') ~ ' from ' ~ relation ~ ' where source_' ~ column ~ ' in ('
                ~ members_changed(dimension, column, since[dimension]) ~ ')'
            ) -%}
        {%- endfor -%}
        {%- set touched = found | join(' union ') -%}
    {%- endif -%}
    {%- set condition = 'exists (select 1 from (' ~ touched ~ ') as changed where '
        ~ same_stored_key(key, dimensions, 'rows_there') ~ ')' -%}
    {{ return('select * from ' ~ relation ~ ' as rows_there where (' ~ condition ~ ')') }}
{%- endmacro %}


{#-
    The select of the events of a mart that has one a row whose key changed in their fact; none where a fact was built anew. Two
    facts may have the same key: then both events are looked at.
-#}
{% macro rows_of_touched_facts(relation) -%}
    {%- set columns = graph.nodes['model.' ~ project_name ~ '.' ~ relation.identifier].columns -%}
    {%- set type = engine_type(columns.reference_id.data_type) -%}
    {%- set found = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name.startswith('fct_') -%}
        {%- set state = built(node.name) -%}
        {%- if not state or not state.since -%}{{ return(none) }}{%- endif -%}
        {%- set entity = entity_of(node) -%}
        {%- set key = 'try_cast(' ~ staging_contract(entity).key[0] ~ ' as ' ~ type ~ ')' -%}
        {%- do found.append(
            'select ' ~ (collated(key) if 'char' in type else key) ~ ' as changed_key from ('
            ~ changed_keys(entity, state.since[entity]) ~ ') as changed'
        ) -%}
    {%- endfor -%}
    {{ return(
        'select * from ' ~ relation ~ ' where (reference_id in (select changed_key from (' ~ found | join(' union ')
        ~ ') as touched_facts))'
    ) }}
{%- endmacro %}
