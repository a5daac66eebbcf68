{#-
    The engine's name of a contract type. T-SQL's varchar counts bytes of a code page, its nvarchar UTF-16 units, of which
    a character beyond the basic plane takes two; its timestamp is no time, and it has no booleans. A plain timestamp holds
    whole seconds.
    A Fabric Warehouse stores varchar, whose length counts bytes of UTF-8, of which a character has up to four.
    `key(<entity>)` is as contract_type has it. Example: engine_type('varchar(100)') is nvarchar(200) in T-SQL.
-#}
{% macro engine_type(data_type) -%}
    {{ return(adapter.dispatch('engine_type')(contract_type(data_type))) }}
{%- endmacro %}


{% macro duckdb__engine_type(data_type) -%}
    {{ return(data_type) }}
{%- endmacro %}


{% macro sqlserver__engine_type(data_type) -%}
    {%- if data_type.startswith('varchar') -%}
        {%- set length = 2 * data_type[8:-1] | int -%}
        {{ return('nvarchar(' ~ (length if length <= 4000 else 'max') ~ ')') }}
    {%- endif -%}
    {{ return(tsql_type(data_type)) }}
{%- endmacro %}


{% macro fabric__engine_type(data_type) -%}
    {%- if data_type.startswith('varchar') -%}
        {%- set length = 4 * data_type[8:-1] | int -%}
        {{ return('varchar(' ~ (length if length <= 8000 else 'max') ~ ')') }}
    {%- endif -%}
    {{ return(tsql_type(data_type)) }}
{%- endmacro %}


{% macro tsql_type(data_type) -%}
    {%- set names = {
        'timestamp': 'datetime2(0)', 'timestamp(6)': 'datetime2(6)', 'boolean': 'bit', 'integer': 'int', 'double': 'float'
    } -%}
    {{ return(names.get(data_type, data_type)) }}
{%- endmacro %}


{% macro synapse__engine_type(data_type) -%}
    {{ return(sqlserver__engine_type(data_type)) }}
{%- endmacro %}
