{#-
    `external` on a Synapse serverless SQL pool: the model's rows as Parquet in the folder of this invocation's silver
    version, by CETAS, and a view over it that readers use. A model of `incremental_strategy` by_key has a second relation, of
    the rows that do not count (superseded_rows_of). Steps: write the version, then have the view show it, which is
    one step for readers, then forget older versions. Whatever fails before the switch leaves readers where they were.
    A version is written once: its folder must not be there yet. Dropping an external table leaves its files, so the
    version that was shown before keeps its table too, and with it what tells the flow that its folder is in use.
-#}
{% materialization external, adapter='synapse' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set folder = part_folder(model.name, silver_version()) ~ '/' -%}
    {%- set version_relation = synapse_version_relation(this, silver_version()) -%}
    {%- set versions = synapse_versions(this) -%}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}{%- do columns.append(quoted(column.name)) -%}{%- endfor -%}

    {%- if version_relation.identifier in versions | map(attribute='name') -%}
        {{ exceptions.raise_compiler_error(
            folder ~ ' has been written already, and a version is written once. Leave C360_VERSION unset, or give '
            ~ 'another one.'
        ) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks) }}

    {%- call statement('main') -%}
        create external table {{ version_relation }} with (
            location = {{ sql_text(folder) }},
            data_source = c360_lake,
            file_format = c360_parquet
        ) as
        {{ synapse_typed_select(sql, model.columns.values()) }}
    {%- endcall -%}

    {%- if config.get('incremental_strategy') == 'by_key' -%}
        {%- do synapse_write_superseded() -%}
    {%- endif -%}
    {%- if existing_relation and not existing_relation.is_view -%}
        {{ drop_relation_if_exists(existing_relation) }}
    {%- endif -%}
    {%- call statement('switch') -%}
        create or alter view {{ target_relation }} as
        select {{ columns | join(', ') or '*' }} from {{ version_relation }}
    {%- endcall -%}
    {%- do synapse_forget_versions(version_relation, versions) -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=true) -%}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Writes the rows of an entity that do not count as another relation of this version, and has its view show them. -#}
{% macro synapse_write_superseded() %}
    {%- set relation = superseded_rows_of(model.name) -%}
    {%- set version_relation = synapse_version_relation(relation, silver_version()) -%}
    {%- set versions = synapse_versions(relation) -%}
    {%- set staged = graph.nodes['model.' ~ project_name ~ '.stg_' ~ model.name].columns -%}
    {%- set by = deduplication(model.name) -%}
    {%- set columns = [] -%}
    {%- for name in by.columns + by.hidden -%}
        {%- do columns.append({'name': name, 'data_type': staged[name].data_type}) -%}
    {%- endfor -%}
    {%- do columns.extend([{'name': 'fate', 'data_type': 'varchar(20)'}, {'name': 'row_count', 'data_type': 'bigint'}]) -%}
    {%- do run_query(
        'create external table ' ~ version_relation ~ ' with (location = '
        ~ sql_text(part_folder(model.name, silver_version(), superseded=true) ~ '/')
        ~ ', data_source = c360_lake, file_format = c360_parquet) as\n'
        ~ synapse_typed_select(all_superseded_rows(model.name), columns)
    ) -%}
    {%- do run_query('create or alter view ' ~ relation ~ ' as select * from ' ~ version_relation) -%}
    {%- do synapse_forget_versions(version_relation, versions) -%}
{% endmacro %}


{#- Drops the external tables of older versions, but for the one that was shown until now. -#}
{% macro synapse_forget_versions(version_relation, versions) %}
    {%- for version in versions if version.name < version_relation.identifier and not version.is_shown -%}
        {%- do adapter.drop_relation(version_relation.incorporate(path={'identifier': version.name})) -%}
    {%- endfor -%}
{% endmacro %}


{#- The external table of one version of a relation. -#}
{% macro synapse_version_relation(relation, version) %}
    {{ return(relation.incorporate(path={'identifier': relation.identifier ~ '__' ~ version}, type='table')) }}
{% endmacro %}


{#- The external tables of all versions of a relation: `name`, and `is_shown`, whether its view reads it. -#}
{% macro synapse_versions(relation) %}
    {%- set prefix = relation.identifier ~ '__' -%}
    {%- set query -%}
        select
            version.name,
            case when charindex(concat(N'"', version.name, N'"'), shown.definition) > 0 then 1 else 0 end as is_shown
        from sys.external_tables as version
        left join sys.sql_modules as shown on shown.object_id = object_id(N{{ sql_text(relation | string) }})
        where
            version.schema_id = schema_id(N{{ sql_text(relation.schema) }})
            and left(version.name, {{ prefix | length }}) = N{{ sql_text(prefix) }}
    {%- endset -%}
    {{ return(run_query(query).rows) }}
{% endmacro %}


{#-
    A query with its columns cast to the types of their YAML, so that the files of every version have the same types; columns
    that the YAML gives no type keep theirs, and all do where it lists none.
-#}
{% macro synapse_typed_select(sql, columns) %}
    {%- set values = [] -%}
    {%- for column in columns -%}
        {%- set name = quoted(column.name) -%}
        {%- do values.append(
            'cast(' ~ name ~ ' as ' ~ engine_type(column.data_type) ~ ') as ' ~ name if column.data_type else name
        ) -%}
    {%- endfor -%}
{{ sqlserver_as_cte(sql, 'dbt_model') }}
select
    {{ values | join(',\n    ') or '*' }}
from dbt_model
{% endmacro %}
