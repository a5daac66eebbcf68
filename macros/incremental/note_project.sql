{#-
    At the end of an invocation, writes down which seeds and views are made with the code that the project has: while it is the
    same, they need not be made again. An invocation with other code, or vars of its own, forgets it before it changes
    anything. `results` are the invocation's.
-#}
{% macro note_project(results) -%}
    {%- if execute -%}{{ return(adapter.dispatch('note_project')(results)) }}{%- endif -%}
{%- endmacro %}


{% macro default__note_project(results) -%}{%- endmacro %}


{% macro duckdb__note_project(results) -%}
    {%- set made = (built('project') or {'made': []}).made -%}
    {%- for result in results if result.status == 'success' and result.node.config.materialized in ['seed', 'view'] -%}
        {%- do made.append(result.node.unique_id) -%}
    {%- endfor -%}
    {%- if made and not invocation_args_dict.vars -%}
        {%- set lacking = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type in ['seed', 'model'] and node.config.materialized in ['seed', 'view']
                and node.unique_id not in made -%}
            {%- do lacking.append(node.name) -%}
        {%- endfor -%}
        {%- do note_built('project', {
            'code': duckdb__project_files_code('all'), 'made': made | unique | list, 'lacking': lacking, 'inputs': {}
        }) -%}
    {%- endif -%}
{%- endmacro %}


{% macro duckdb__forget_other_project() -%}
    {%- set noted = built('project') -%}
    {%- if noted and (invocation_args_dict.vars or noted.code != duckdb__project_files_code('all')) -%}
        {%- do run_query("delete from staging.built where relation = 'project'") -%}
        {%- do graph.c360_built.pop('project') -%}
    {%- endif -%}
{%- endmacro %}
