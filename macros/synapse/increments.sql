{#-
    What macros/incremental asks an engine, answered by a serverless SQL pool. It has no tables, so the state of a relation
    (built()) stands in the definition of its view, as a comment: view and state change in one step.
-#}


{#- By hand nobody says which files the project consists of (C360_CODE): everything is built whole. -#}
{% macro synapse__takes_increments() -%}{{ return(env_var('C360_CODE', '') != '') }}{%- endmacro %}


{% macro synapse__project_files_code(layer) -%}{{ return(env_var('C360_CODE', '')) }}{%- endmacro %}


{#- The comment that a view has its state in. -#}
{% macro synapse_state_comment(state) -%}
    /* c360 {{ tojson(state) }} */
{%- endmacro %}


{% macro synapse__built_states() -%}
    {%- set states = [] -%}
    {%- for name, definition in run_query(synapse_definitions_sql()).rows -%}
        {%- set found = modules.re.search('/\\* c360 (\\{.*?\\}) \\*/', definition) -%}
        {%- if found -%}{%- do states.append([name, found[1]]) -%}{%- endif -%}
    {%- endfor -%}
    {{ return(states) }}
{%- endmacro %}


{#- The names and definitions of the views of staging and silver. -#}
{% macro synapse_definitions_sql() -%}
    select
        made.name as view_name,
        modules.definition
    from sys.views as made
    inner join sys.sql_modules as modules on made.object_id = modules.object_id
    where made.schema_id in (schema_id(N'staging'), schema_id(N'silver'))
{%- endmacro %}


{#-
    A view of silver changes in one step, but the two that the next build reads beside it (counted_rows, superseded_rows_of)
    were changed before: if an invocation was killed in between, they are put back to what the state says. States are read
    here, before there are threads.
-#}
{% macro synapse__prepare_increments() -%}
    {%- do read_built() -%}
    {%- set definitions = {} -%}
    {%- for name, definition in run_query(synapse_definitions_sql()).rows -%}
        {%- do definitions.update({name: definition}) -%}
    {%- endfor -%}
    {%- for name, state in graph.c360_built.items()
        if 'replaced' in state and synapse__takes_increments() and state.code == project_code('silver') -%}
        {%- for shown, query in synapse_views_of_keys(name, state) if query not in definitions.get(shown.identifier, '') -%}
            {%- do run_query('create or alter view ' ~ shown ~ ' as\n' ~ query) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}


{% macro synapse__arrived_files() -%}
    {%- set staged = [] -%}
    {%- for name, state in graph.c360_built.copy().items() if name.startswith('stg_') -%}
        {%- do staged.append('when N' ~ sql_text(name[4:]) ~ ' then N' ~ sql_text(state.version)) -%}
    {%- endfor -%}
    {%- set told = "string_agg({}, N' ') within group (order by _batch_id, file_number)" -%}
    {%- set query -%}
        with landed as (
            select
                entity,
                _batch_id,
                file_number,
                delivery_number,
                cast(concat(_batch_id, N'/', _source_file, N'/', fingerprint) as nvarchar(max)) as told,
                case
                    when _batch_id <= {{ "case entity " ~ staged | join(' ') ~ " else N'' end" if staged else "N''" }} then 1
                    else 0
                end as is_staged,
                row_number() over (
                    partition by entity
                    order by case when row_count > 0 then 0 else 1 end, as_of desc, _batch_id desc, file_number desc
                ) as newest_first
            from {{ source('landing', 'landed_files') }}
        ),

        placed as (
            select
                *,
                case
                    when is_staged = 1 then row_number() over (partition by entity, is_staged order by newest_first)
                end as newest_staged_first
            from landed
        )

        select
            entity,
            max(_batch_id) as version,
            {{ synapse_digest(told.format('told')) }} as digest,
            coalesce({{ synapse_digest(told.format('case when is_staged = 1 then told end')) }}, N'') as digest_before,
            max(case when newest_first = 1 then _batch_id end) as newest_batch_id,
            max(case when newest_first = 1 then delivery_number end) as newest_delivery,
            coalesce(max(case when newest_staged_first = 1 then _batch_id end), N'') as newest_batch_id_before,
            coalesce(max(case when newest_staged_first = 1 then delivery_number end), 0) as newest_delivery_before
        from placed
        group by entity
    {%- endset -%}
    {{ return(run_query(query).rows) }}
{%- endmacro %}


{% macro synapse_digest(text) -%}
    convert(varchar(32), hashbytes('MD5', {{ text }}), 2)
{%- endmacro %}


{#- Of the parts that are staged only those that have something newer. -#}
{% macro synapse__staged_after(staged, version) -%}
    {%- set parts = [] -%}
    {%- for part, taken in built(staged.identifier).taken.items() if taken > version -%}
        {%- do parts.append(part) -%}
    {%- endfor -%}
    {%- set columns = graph.nodes['model.' ~ project_name ~ '.' ~ staged.identifier].columns -%}
    {{ return('(' ~ all_of_parts(columns, synapse_parts(staged, parts)) ~ ')' if parts else staged) }}
{%- endmacro %}


{#- Some files of an entity's rows, each named, with the columns of its source. -#}
{% macro synapse__bronze_rows_of(source, files) -%}
    {%- if not files -%}{{ return(synapse_bronze_sql(source, none)) }}{%- endif -%}
    {%- set paths = [] -%}
    {%- set lengths = [] -%}
    {%- for file in files -%}
        {%- do paths.append(bronze_rows_path(file)) -%}
        {%- do lengths.append(1000000 if file.longest_value is none else file.longest_value) -%}
    {%- endfor -%}
    {{ return(synapse_rows_sql(source, paths, lengths | max)) }}
{%- endmacro %}


{% macro synapse__malformed_lines_of(files) -%}
    {%- set paths = [] -%}
    {%- for file in files -%}{%- do paths.append(bronze_malformed_path(file)) -%}{%- endfor -%}
    {{ return(synapse_lines_sql(paths) if paths else synapse_no_malformed_lines()) }}
{%- endmacro %}
