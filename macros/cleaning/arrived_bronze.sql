{#-
    Where the rows of bronze are that a staging model stages: the source's relation, or, incrementally, the files of the
    batches that it has not taken in. Example: arrived_bronze(source('bronze', 'customers'), 'customers')
-#}
{% macro arrived_bronze(relation, entity) -%}
    {%- if not is_incremental() -%}{{ return(relation) }}{%- endif -%}
    {%- set files = run_query(
        'select entity, _batch_id, _source_file from ' ~ source('landing', 'landed_files') ~ ' where entity = '
        ~ sql_text(entity) ~ ' and _batch_id > ' ~ sql_text(increment().since.bronze)
    ).rows -%}
    {{ return('(' ~ adapter.dispatch('bronze_rows_of')(entity, files) ~ ') as arrived') }}
{%- endmacro %}


{% macro duckdb__bronze_rows_of(entity, files) -%}
    {{ return(duckdb_bronze_sql(graph.sources['source.' ~ project_name ~ '.bronze.' ~ entity], files)) }}
{%- endmacro %}
