{#-
    The T-SQL that makes three roles, if need be, and gives them what they may do: c360_reader reads the marts, with personal
    data masked, since it may not UNMASK; c360_steward, who decides who is who and answers persons, reads every layer with
    personal data; c360_auditor reads how many rows there are of what, and no row of anybody. Views in marts and the tables
    that they read belong to one owner, so the right to read a view is enough (an ownership chain). What was granted on a table
    goes with it when another takes its place, so this follows every load and publish. Run by hand on a database that is set up:
    dbt run-operation grant_roles --target azure_sql. Members are added by an administrator: alter role c360_reader add member [name]
-#}
{% macro grant_roles() -%}
    {%- do run_query(roles_granted()) -%}
{%- endmacro %}


{% macro roles_granted() -%}
    {{ return(adapter.dispatch('roles_granted')()) }}
{%- endmacro %}


{% macro default__roles_granted() -%}{{ return('') }}{%- endmacro %}


{% macro sqlserver__roles_granted() -%}
    {%- for role in c360_roles() %}
    if database_principal_id('{{ role }}') is null exec('create role {{ role }}');
    {%- endfor %}
    if schema_id('marts') is not null grant select on schema::marts to c360_reader;
    {%- for schema in ['silver', 'gold', 'marts', 'snapshots'] %}
    if schema_id('{{ schema }}') is not null grant select, unmask on schema::{{ schema }} to c360_steward;
    {%- endfor %}
    {%- for relation in ['silver.row_reconciliation', 'silver.superseded_rows', 'marts.data_notes'] %}
    if object_id('{{ relation }}') is not null grant select on object::{{ relation }} to c360_auditor;
    {%- endfor %}
{%- endmacro %}


{#- The roles, each with what it is for. -#}
{% macro c360_roles() -%}
    {{ return({
        'c360_reader': 'which may read the schema marts, with personal data masked',
        'c360_steward': 'which may read every layer, with personal data',
        'c360_auditor': 'which may read how many rows there are of what',
    }) }}
{%- endmacro %}
