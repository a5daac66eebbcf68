{#-
    A hash of all that decides what a layer (silver or gold) makes of what it is given: the project's files, the vars of the
    command line, what is declared. Where it is another than a relation was built with, the relation is built anew. Empty
    where it can't be told, as for dbt by hand on a server. Read once an invocation.
-#}
{% macro project_code(layer) -%}
    {%- set known = graph.setdefault('c360_code', {}) -%}
    {%- if layer not in known -%}
        {%- set files = adapter.dispatch('project_files_code')(layer) -%}
        {%- set declarations = [] -%}
        {%- for entity in entities() -%}{%- do declarations.append(declared(entity)) -%}{%- endfor -%}
        {%- do known.update({layer: local_md5(
            files ~ tojson(declarations) ~ (invocation_args_dict.vars | default({}, true) | string)
        ) if files else ''}) -%}
    {%- endif -%}
    {{ return(known[layer]) }}
{%- endmacro %}


{#- The function is warehouse/duckdb_plugin.py's. -#}
{% macro duckdb__project_files_code(layer) -%}
    {{ return(run_query('select project_code(' ~ sql_text(layer) ~ ')').rows[0][0]) }}
{%- endmacro %}


{% macro default__project_files_code(layer) -%}{{ return('') }}{%- endmacro %}
