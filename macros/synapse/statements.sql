{#-
    dbt-synapse's statements for what a serverless SQL pool does in its own way: it has views and external tables, and
    neither tables, names to change, nor labels.
-#}
{% macro synapse__get_drop_sql(relation) %}
    {%- if relation.is_view -%}
        drop view if exists {{ relation }}
    {%- else -%}
        if exists (
            select * from sys.external_tables
            where schema_id = schema_id(N{{ sql_text(relation.schema) }}) and name = N{{ sql_text(relation.identifier) }}
        )
            drop external table {{ relation }}
    {%- endif -%}
{% endmacro %}


{#- What a test finds. dbt-synapse makes a view of every test that begins with WITH, dbt-fabric nests the WITH. -#}
{% macro fabric__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
{{ sqlserver_as_cte(main_sql, 'dbt_internal_test') }}
select
    {{ fail_calc }} as failures,
    case when {{ fail_calc }} {{ warn_if }} then 'true' else 'false' end as should_warn,
    case when {{ fail_calc }} {{ error_if }} then 'true' else 'false' end as should_error
from {{ '(select top (' ~ limit ~ ') * from dbt_internal_test) as dbt_internal_test' if limit else 'dbt_internal_test' }}
{% endmacro %}


{#- For `dbt show`; dbt-synapse returns all rows. A query that says its order keeps it, others are cut anywhere. -#}
{% macro synapse__get_limit_subquery_sql(sql, limit) %}
    {%- if limit is none or limit < 0 -%}
        {{ sql }}
    {%- elif modules.re.search('(?i)\\border\\s+by\\s(?:[^()]|\\([^()]*\\))*$', sql) -%}
        {{ sql }}
        offset 0 rows fetch first {{ limit }} rows only
    {%- else -%}
        {{ sqlserver_as_cte(sql, 'dbt_show') }}
        select top ({{ limit }}) * from dbt_show
    {%- endif -%}
{% endmacro %}


{% macro synapse__create_view_as(relation, sql) %}
    create or alter view {{ relation }} as
    {{ sql }}
{% endmacro %}


{% macro synapse__create_table_as(temporary, relation, sql) %}
    {{ synapse_has_no('tables: materialize ' ~ relation ~ ' as external or view') }}
{% endmacro %}


{% macro synapse__rename_relation(from_relation, to_relation) %}
    {{ synapse_has_no('way to rename ' ~ from_relation ~ ': materialize it as external or view') }}
{% endmacro %}


{% macro synapse__truncate_relation(relation) %}
    {{ synapse_has_no('way to empty ' ~ relation) }}
{% endmacro %}


{% macro synapse_has_no(what) %}
    {{ exceptions.raise_compiler_error('A serverless SQL pool has no ' ~ what ~ '.') }}
{% endmacro %}
