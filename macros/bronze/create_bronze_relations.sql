{#-
    Makes every relation of the sources over the raw files: `bronze.<entity>` with the source's columns as text and
    `_source_file`, `_batch_id`; `bronze.malformed_lines`; `bronze.landed_files`. Only files that a manifest names are
    seen, so what a killed run left behind is not. Runs before each invocation.
-#}
{% macro create_bronze_relations() %}
    {% if execute %}{{ return(adapter.dispatch('create_bronze_relations')()) }}{% endif %}
{% endmacro %}


{#- Bronze stays in the lake: Azure SQL sees silver only. -#}
{% macro sqlserver__create_bronze_relations() %}{% endmacro %}
