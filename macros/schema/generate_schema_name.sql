{#-
    Schemas are named as in the contract (silver, gold, marts …), without the target's schema before them. With
    C360_SCHEMA_SUFFIX Azure SQL, or a Fabric Warehouse, builds what `publish_gold` puts in its place beside what is published: gold_next.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set schema = custom_schema_name | trim if custom_schema_name else target.schema -%}
    {{ schema ~ (env_var('C360_SCHEMA_SUFFIX', '') if target.type in ['sqlserver', 'fabric'] and schema in published_schemas() else '') }}
{%- endmacro %}


{#- The schemas that are published together, in the order in which their relations need each other. -#}
{% macro published_schemas() -%}
    {{ return(['reference', 'gold', 'marts']) }}
{%- endmacro %}
