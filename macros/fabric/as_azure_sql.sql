{#-
    What a Fabric Warehouse does as Azure SQL Database does, statement for statement. dbt-synapse takes dbt-fabric's macros where it
    has none of its own, so what a serverless SQL pool does otherwise is said for it as well.
-#}
{% macro fabric__build_columns_constraints(relation) -%}{{ return(sqlserver__build_columns_constraints(relation)) }}{%- endmacro %}

{% macro fabric__build_model_constraints(relation) -%}{{ return(sqlserver__build_model_constraints(relation)) }}{%- endmacro %}

{% macro fabric__create_csv_table(model, agate_table) -%}{{ return(sqlserver__create_csv_table(model, agate_table)) }}{%- endmacro %}

{% macro fabric__get_empty_schema_sql(columns) -%}{{ return(typed_nulls(columns)) }}{%- endmacro %}

{% macro fabric__declared_text() -%}{{ return(none) }}{%- endmacro %}

{% macro fabric__create_identity_relations() -%}{{ return(sqlserver__create_identity_relations()) }}{%- endmacro %}

{% macro fabric__create_run_relations() -%}{{ return(sqlserver__create_run_relations()) }}{%- endmacro %}

{% macro fabric__project_files_code(layer) -%}{{ return(sqlserver__project_files_code(layer)) }}{%- endmacro %}

{% macro fabric__takes_increments() -%}{{ return(sqlserver__takes_increments()) }}{%- endmacro %}

{% macro fabric__note_built(name, state) -%}{{ return(sqlserver__note_built(name, state)) }}{%- endmacro %}
{% macro synapse__note_built(name, state) -%}{%- endmacro %}

{% macro fabric__adds_to_table() -%}{{ return(sqlserver__adds_to_table()) }}{%- endmacro %}
{% macro synapse__adds_to_table() -%}{{ return(default__adds_to_table()) }}{%- endmacro %}

{% macro fabric__changes_relation() -%}{{ return(sqlserver__changes_relation()) }}{%- endmacro %}
{% macro synapse__changes_relation() -%}{{ return(default__changes_relation()) }}{%- endmacro %}

{% macro fabric__changed_keys(entity, since) -%}{{ return(sqlserver__changed_keys(entity, since)) }}{%- endmacro %}
{% macro synapse__changed_keys(entity, since) -%}{{ return(default__changed_keys(entity, since)) }}{%- endmacro %}

{% macro fabric__changed_rows(entity, columns, since) -%}{{ return(sqlserver__changed_rows(entity, columns, since)) }}{%- endmacro %}
{% macro synapse__changed_rows(entity, columns, since) -%}{{ return(default__changed_rows(entity, columns, since)) }}{%- endmacro %}

{% macro fabric__touched_customers(since) -%}{{ return(sqlserver__touched_customers(since)) }}{%- endmacro %}
{% macro synapse__touched_customers(since) -%}{{ return(default__touched_customers(since)) }}{%- endmacro %}

{% macro fabric__published_relation() -%}{{ return(sqlserver__published_relation()) }}{%- endmacro %}
{% macro synapse__published_relation() -%}{{ return(default__published_relation()) }}{%- endmacro %}

{% macro fabric__text_keys() -%}{{ return(sqlserver__text_keys()) }}{%- endmacro %}
{% macro synapse__text_keys() -%}{{ return(default__text_keys()) }}{%- endmacro %}

{% macro fabric__roles_granted() -%}{{ return(sqlserver__roles_granted()) }}{%- endmacro %}
{% macro synapse__roles_granted() -%}{{ return('') }}{%- endmacro %}

{% macro fabric__name_others_at_work(results) -%}{{ return(sqlserver__name_others_at_work(results)) }}{%- endmacro %}
{% macro synapse__name_others_at_work(results) -%}{%- endmacro %}

{% macro fabric__check_keys_of_others() -%}{{ return(sqlserver__check_keys_of_others()) }}{%- endmacro %}
{% macro synapse__check_keys_of_others() -%}{%- endmacro %}

{% macro fabric__rename_table(schema, name, new_name) -%}{{ return(sqlserver__rename_table(schema, name, new_name)) }}{%- endmacro %}
{% macro synapse__rename_table(schema, name, new_name) -%}{%- endmacro %}

{% macro synapse__complete_keys() -%}{{ return('') }}{%- endmacro %}
{% macro synapse__note_increment() -%}{%- endmacro %}
