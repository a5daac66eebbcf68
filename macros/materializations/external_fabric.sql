{#- `external` in a Fabric Warehouse: silver as it was loaded, as on Azure SQL. -#}
{% materialization external, adapter='fabric' %}
    {{ return(materialization_external_sqlserver()) }}
{% endmaterialization %}
