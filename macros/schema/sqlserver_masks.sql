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
