{#-
    Where the rows of bronze are that a staging model stages: the source's relation, or, incrementally, the files of the
    batches that it has not taken in. Example: arrived_bronze(source('bronze', 'customers'), 'customers')
-#}
{% macro arrived_bronze(relation, entity) -%}
    {%- if not is_incremental() -%}{{ return(relation) }}{%- endif -%}
    {{ return('(' ~ adapter.dispatch('bronze_rows_of')(
        graph.sources['source.' ~ project_name ~ '.bronze.' ~ entity], files_since({entity: increment().since.bronze})
    ) ~ ') as arrived') }}
{%- endmacro %}


{% macro duckdb__bronze_rows_of(source, files) -%}
    {%- if not files -%}{{ return(duckdb_bronze_sql(source, false)) }}{%- endif -%}
    {%- set paths = [] -%}
    {%- for file in files -%}{%- do paths.append(sql_text(lake_path(bronze_rows_path(file)))) -%}{%- endfor -%}
    {#- A file may lack a column that the contract got later. -#}
    {{ return(
        duckdb_bronze_sql(source, false) ~ ' union all by name select * from read_parquet([' ~ paths | join(', ')
        ~ '], union_by_name = true)'
    ) }}
{%- endmacro %}


{#- Asked where increments are taken (takes_increments). -#}
{% macro default__bronze_rows_of() -%}{{ return(none) }}{%- endmacro %}
