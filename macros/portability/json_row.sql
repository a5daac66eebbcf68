{#-
    One JSON object of some columns of the row, text columns or null, nulls included. `columns` maps names in the JSON to
    expressions. Example: json_row({'OrderID': '"OrderID"'})
-#}
{% macro json_row(columns) -%}
    {{ return(adapter.dispatch('json_row')(columns)) }}
{%- endmacro %}


{% macro duckdb__json_row(columns) -%}
    cast(json_object(
        {%- for name, value in columns.items() %}{{ sql_text(name) }}, {{ value }}{{ ', ' if not loop.last }}{% endfor -%}
    ) as varchar)
{%- endmacro %}


{#-
    Not FOR JSON, which pools that distribute a query take at its very end only. Values are cut to 8,000 characters: CETAS
    writes none of more than 1 MB. STRING_ESCAPE puts a backslash before a slash, which JSON needs not.
-#}
{% macro sqlserver__json_row(columns) -%}
    concat(
        cast(N'{' as nvarchar(max)),
        {%- for name, value in columns.items() %}
        N'{{ ',' if not loop.first }}{{ tojson(name) | replace("'", "''") }}:',
        case
            when {{ value }} is null then N'null'
            else concat(N'"', replace(string_escape(left({{ value }}, 8000), N'json'), N'\/', N'/'), N'"')
        end,
        {%- endfor %}
        N'}'
    )
{%- endmacro %}


{% macro fabric__json_row(columns) -%}
    {{ return(sqlserver__json_row(columns)) }}
{%- endmacro %}
