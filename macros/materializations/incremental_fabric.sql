{#-
    `incremental` in a Fabric Warehouse, as on Azure SQL. A table that is built whole is dbt-fabric's; what was noted of the one
    before it is taken back before that goes, so that no build that is killed leaves a note for another table.
-#}
{% materialization incremental, adapter='fabric' %}
    {%- if is_incremental() -%}{{ return(materialization_incremental_sqlserver()) }}{%- endif -%}
    {%- do run_query(note_on(this.schema, 'c360_built', '', this.identifier)) -%}
    {{ return(dbt.materialization_table_fabric()) }}
{% endmaterialization %}
