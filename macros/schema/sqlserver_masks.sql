{#-
    The columns with personal data and the function that masks each, as silver's contract states them under meta `mask`.
    They keep their names from silver to the marts, so every table with such a column has it masked, also that of the other
    one of a pair (`other_…`); views show what their tables show. Whoever lacks the permission UNMASK sees the masks, an administrator the values.
-#}
{% macro personal_data_masks() -%}
    {%- set masks = {} -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.config.materialized == 'external' -%}
        {%- for column in node.columns.values() if column.config.meta.get('mask') -%}
            {%- do masks.update({
                column.name: column.config.meta.mask, 'other_' ~ column.name: column.config.meta.mask
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(masks) }}
{%- endmacro %}


{#-
    dbt-sqlserver calls it for every table it has built. Tables that are made by their columns have their masks already;
    snapshots, made from a query, get them here, and any table those of its own config. dbt-sqlserver's own macro takes Azure
    SQL Database, which calls itself version 12, for a server that is too old for masks.
-#}
{% macro sqlserver__apply_masks(relation, mask_config) -%}
    {%- set masks = dict(personal_data_masks() if model.resource_type == 'snapshot' else {}, **(mask_config or {})) -%}
    {%- if masks -%}
        {%- for name, function in run_query(
            'select columns.name, masked.masking_function from sys.columns as columns left join sys.masked_columns as masked '
            ~ 'on columns.object_id = masked.object_id and columns.column_id = masked.column_id '
            ~ 'where columns.object_id = object_id(' ~ sql_text(relation.include(database=false) | string) ~ ", 'U')"
        ).rows if name in masks and function != masks[name] -%}
            {%- set alter_column = 'alter table ' ~ relation.include(database=false) ~ ' alter column ' ~ quoted(name) -%}
            {#- There is no statement that changes a mask. -#}
            {%- if function %}{% do run_query(alter_column ~ ' drop masked') %}{% endif -%}
            {%- do run_query(alter_column ~ ' add masked with (function = ' ~ sql_text(masks[name]) ~ ')') -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
