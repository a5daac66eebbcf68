{#-
    The rows of an entity of silver that its history has to look at: all of them, or those of keys that changed since it did so
    last. Example: rows_to_watch(ref('customers'))
-#}
{% macro rows_to_watch(relation) -%}
    {%- set increment = increment() -%}
    {%- if not increment -%}{{ return(relation) }}{%- endif -%}
    {%- set entity = relation.identifier -%}
    {{ return(
        '(' ~ changed_rows(entity, graph.nodes['model.' ~ project_name ~ '.' ~ entity].columns, increment.since[entity])
        ~ ') as changed_rows'
    ) }}
{%- endmacro %}
