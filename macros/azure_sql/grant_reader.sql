{#-
    The T-SQL that makes the role c360_reader, if need be, and lets it read the marts and nothing else. The views there and
    the tables that they read belong to one owner, so that the right to read a view is enough (an ownership chain); the
    role may not UNMASK, so personal data shows masked. Members are added by an administrator:
    alter role c360_reader add member [name]
-#}
{% macro grant_reader() -%}
    {{ return(adapter.dispatch('grant_reader')()) }}
{%- endmacro %}


{% macro default__grant_reader() -%}{{ return('') }}{%- endmacro %}


{% macro sqlserver__grant_reader() -%}
    if database_principal_id('c360_reader') is null exec('create role c360_reader');
    if schema_id('marts') is not null grant select on schema::marts to c360_reader;
{%- endmacro %}
