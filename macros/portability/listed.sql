{#-
    An aggregate: the values of a group in their order as one text, with commas between. Example: listed('customer_id') is
    `7, 12`.
-#}
{% macro listed(value) -%}
    {{ return(adapter.dispatch('listed')(value)) }}
{%- endmacro %}


{% macro duckdb__listed(value) -%}
    string_agg({{ as_text(value) }}, ', ' order by {{ value }})
{%- endmacro %}


{% macro sqlserver__listed(value) -%}
    string_agg({{ as_text(value) }}, N', ') within group (order by {{ value }})
{%- endmacro %}


{% macro synapse__listed(value) -%}
    {{ return(sqlserver__listed(value)) }}
{%- endmacro %}


{% macro fabric__listed(value) -%}
    string_agg({{ as_text(value) }}, ', ') within group (order by {{ value }})
{%- endmacro %}
