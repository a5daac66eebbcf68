{#-
    `external` on DuckDB: the model's rows as one Parquet file in the folder of this invocation's silver version, and a
    view over it. Replaces dbt-duckdb's own, which writes the rows to a table first and cannot write an empty file.
    A version's folder is new, so readers of other versions are not disturbed.
-#}
{% materialization external, adapter='duckdb' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set folder = lake_path(this.schema ~ '/' ~ this.identifier ~ '/' ~ silver_version()) -%}
    {%- set file = folder ~ '/' ~ this.identifier ~ '.parquet' -%}

    {{ run_hooks(pre_hooks) }}

    {%- call statement('make_folder') -%}
        select make_directory({{ sql_text(folder) }})
    {%- endcall -%}

    {%- call statement('main') -%}
        copy (
            {{ sql }}
        ) to {{ sql_text(file) }} (format parquet)
    {%- endcall -%}

    {%- if existing_relation and not existing_relation.is_view -%}
        {{ drop_relation_if_exists(existing_relation) }}
    {%- endif -%}
    {%- call statement('create_view') -%}
        create or replace view {{ target_relation }} as
        select * from read_parquet({{ sql_text(file) }})
    {%- endcall -%}

    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
