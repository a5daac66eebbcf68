{#-
    T-SQL: a query as the last of its common table expressions, for a query of it to follow; T-SQL has no WITH in brackets.
    Example: sqlserver_as_cte('with a as (select 1 as n) select n from a', 'b') is
    with a as (select 1 as n), b as (select n from a)
-#}
{% macro sqlserver_as_cte(sql, name) -%}
    {%- set tokens = "'(?:[^']|'')*'|\"[^\"]*\"|\\[[^\\]]*\\]|--[^\\n]*|/\\*[\\s\\S]*?\\*/|[()]|\\w+" -%}
    {%- set ns = namespace(depth=0, has_ctes=false, body=none) -%}
    {%- for token in modules.re.finditer(tokens, sql) if ns.body is none -%}
        {%- set word = token.group() | lower -%}
        {%- if word in '()' -%}
            {%- set ns.depth = ns.depth + (1 if word == '(' else -1) -%}
        {%- elif ns.depth == 0 and word == 'with' -%}
            {%- set ns.has_ctes = true -%}
        {%- elif ns.depth == 0 and word == 'select' -%}
            {%- set ns.body = token.start() -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set ctes = sql[:ns.body].rstrip() ~ '\n,' if ns.has_ctes else 'with' -%}
    {{ return(ctes ~ ' ' ~ name ~ ' as (\n' ~ (sql[ns.body:] if ns.has_ctes else sql) ~ '\n)') }}
{%- endmacro %}
