{#-
    What silver follows of the sources' declarations, by entity: `rows` (one or lines), `load` (changes or full), `keys`
    (integer or text) and `unknown_keys` (a list). It stands in the lake (bronze/declared.json), where the last run wrote it;
    what no run has written is as if nothing were declared. Read once an invocation. dbt's unit tests, which are shown no
    graph, see nothing declared but text keys, since their inputs have the types of the home that they run in.
-#}
{% macro declared(entity) -%}
    {%- set nothing = {'rows': 'one', 'load': 'changes', 'keys': 'integer', 'unknown_keys': []} -%}
    {%- if not execute or graph.nodes is not defined -%}{{ return(nothing) }}{%- endif -%}
    {%- if graph.c360_declared is not defined -%}{%- do read_declared() -%}{%- endif -%}
    {{ return(dict(nothing, **graph.c360_declared.get(entity, {}))) }}
{%- endmacro %}


{#- Reads it anew; the graph is what all models of an invocation share. -#}
{% macro read_declared() -%}
    {%- set by_entity = {} -%}
    {%- for each in declared_entities() -%}{%- do by_entity.update({each.entity: each}) -%}{%- endfor -%}
    {%- do graph.update({'c360_declared': by_entity}) -%}
{%- endmacro %}


{% macro declared_entities() -%}
    {%- set text = adapter.dispatch('declared_text')() -%}
    {{ return(fromjson(text).entities if text else []) }}
{%- endmacro %}


{% macro duckdb__declared_text() -%}
    {{ return(
        (run_query(
            'select content from read_text(' ~ sql_text(duckdb_lake_pattern('bronze', 'declared.json')) ~ ')'
        ).rows | first)[0]
        if duckdb_has_files(duckdb_lake_pattern('bronze', 'declared.json')) else none
    ) }}
{%- endmacro %}


{#- The pattern, because a pool has another error for a file that is not there than for a folder without any. -#}
{% macro synapse__declared_text() -%}
    {%- set found = run_query(synapse_if_found(
        'select document.line from ' ~ synapse_text_rows(['bronze/declared*.json'], '0x0b') ~ ' as document'
    )).rows -%}
    {{ return(found[0][0] if found else none) }}
{%- endmacro %}


{#- Azure SQL makes no silver. -#}
{% macro sqlserver__declared_text() -%}{{ return(none) }}{%- endmacro %}


{#- The entities whose keys are text. -#}
{% macro text_keys() -%}
    {{ return(adapter.dispatch('text_keys')()) }}
{%- endmacro %}


{% macro default__text_keys() -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {%- if graph.nodes is defined and graph.c360_declared is not defined -%}{%- do read_declared() -%}{%- endif -%}
    {%- set found = graph.c360_declared.values() if graph.nodes is defined else declared_entities() -%}
    {{ return(found | selectattr('keys', 'equalto', 'text') | map(attribute='entity') | list) }}
{%- endmacro %}


{#-
    Azure SQL does not read bronze: there it is as the silver that it has was made, noted on the schema silver by the load, or
    in the lake's silver/published.json, where silver is attached.
-#}
{% macro sqlserver__text_keys() -%}
    {%- if not execute or graph.nodes is not defined -%}{{ return([]) }}{%- endif -%}
    {%- if graph.c360_text_keys is not defined -%}
        {%- set noted = published_silver('$.text_keys') if silver_access() == 'attached'
            else noted_on('silver', 'c360_text_keys') -%}
        {%- do graph.update({'c360_text_keys': fromjson(noted or '[]')}) -%}
    {%- endif -%}
    {{ return(graph.c360_text_keys) }}
{%- endmacro %}
