{#-
    `external` on a Synapse serverless SQL pool: the model's rows as Parquet in the folder of this invocation's silver
    version, by CETAS, and a view over all parts that the relation consists of. What a version adds, and when it adds to what
    is there, is as on DuckDB (external_duckdb.sql). Steps: write the version, then have the view show it, which is one step
    for readers and, by a comment in the view, for the relation's state; then forget versions that nobody reads. Whatever
    fails before the switch leaves readers where they were.
    A version is written once: its folder must not be there yet. Dropping an external table leaves its files, so the parts
    that were shown before keep their tables too, and with them what tells the flow that their folders are in use.
-#}
{% materialization external, adapter='synapse' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set increment = increment() -%}
    {%- set strategy = config.get('incremental_strategy') -%}
    {%- set state = built(model.name) -%}

    {{ run_hooks(pre_hooks) }}

    {%- if existing_relation and not existing_relation.is_view -%}
        {{ drop_relation_if_exists(existing_relation) }}
    {%- endif -%}

    {%- if increment and increment.unchanged and existing_relation -%}
        {%- call noop_statement('main', 'NOTHING NEW') -%}{%- endcall -%}
        {%- set new = dict(state, inputs=inputs_now(taken=true)) -%}
        {%- if new != state -%}{%- do synapse_show(new) -%}{%- endif -%}
    {%- else -%}
        {%- set before = state if increment and strategy else none -%}
        {%- set new = state_to_build(before) -%}
        {%- if strategy == 'by_key' -%}
            {%- do synapse_write_keys(sql, before, new) -%}
        {%- else -%}
            {%- do synapse_write_rows(sql, target_relation, before, new) -%}
        {%- endif -%}
        {%- set outdated = synapse_outdated_tables() -%}
        {%- do synapse_show(new) -%}
        {%- for relation in outdated -%}{%- do adapter.drop_relation(relation) -%}{%- endfor -%}
    {%- endif -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=true) -%}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- Has the views of the model's relation show its parts, and with the same step notes its state. -#}
{% macro synapse_show(state) %}
    {%- set by_key = 'replaced' in state -%}
    {%- if by_key -%}
        {%- for shown, query in synapse_views_of_keys(model.name, state) -%}
            {%- do run_query('create or alter view ' ~ shown ~ ' as\n' ~ query) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- call statement('switch') -%}
        create or alter view {{ this.incorporate(type='view') }} as
        {{ synapse_state_comment(state) }}
        {{ synapse_counted_rows(model.name, state, model.columns) if by_key
            else all_of_parts(model.columns, synapse_parts(this, state.parts)) }}
    {%- endcall -%}
    {%- do note_built(model.name, state) -%}
{% endmacro %}


{#- What counted_rows() and superseded_rows_of() of an entity show, as pairs of relation and query. -#}
{% macro synapse_views_of_keys(entity, state) %}
    {%- set by = deduplication(entity) -%}
    {%- set superseded = synapse_parts(superseded_rows_of(entity), state.changes) -%}
    {{ return([
        [counted_rows(entity), synapse_counted_rows(entity, state, synapse_counted_columns(entity, by))],
        [superseded_rows_of(entity), rows_of_parts(
            synapse_superseded_columns(entity, by) | map(attribute='name') | list, by.key, superseded, superseded[1:]
        )],
    ]) }}
{% endmacro %}


{% macro synapse_counted_rows(entity, state, columns) %}
    {%- set names = columns | list if columns is mapping else columns | map(attribute='name') | list -%}
    {%- set shown = api.Relation.create(database=target.database, schema='silver', identifier=entity) -%}
    {%- set changes = state.changes | select('gt', state.parts[0]) | list -%}
    {{ return(rows_of_parts(
        names, deduplication(entity).key, synapse_parts(shown, state.parts),
        synapse_parts(superseded_rows_of(entity), changes)
    )) }}
{% endmacro %}


{#- Writes the model's rows as a part, and with them all that was there before, if there are too many parts. -#}
{% macro synapse_write_rows(sql, relation, before, new) %}
    {%- set version = silver_version() -%}
    {%- set as_one = before and before.parts | length >= most_parts() -%}
    {%- if as_one -%}
        {%- set names = quoted_list(model.columns) -%}
        {%- set sql = sqlserver_as_cte(sql, 'added') ~ '\nselect ' ~ names ~ ' from added union all select ' ~ names ~ ' from '
            ~ relation -%}
    {%- endif -%}
    {%- set part = synapse_write(this, part_folder(model.name, version), sql, model.columns.values(), main=true) -%}
    {%- set written = run_query('select count_big(*) as row_count from ' ~ part).rows[0][0] -%}
    {%- do new.update({
        'rows': (written | int) + (0 if as_one else new.rows),
        'parts': [version] if as_one else new.parts + [version],
    }) -%}
    {%- if model.name.startswith('stg_') -%}
        {#- Which part has the batches after one, so that only that part has to be read for them (staged_since). -#}
        {%- do new.update({'taken': dict({} if as_one or not before else before.taken, **{version: new.version})}) -%}
    {%- endif -%}
{% endmacro %}


{#-
    Writes what counts and what does not as two parts, and with them all that was there before, if there is too much of it.
    The rows of the keys that changed are judged once, into a relation that both are written from and that is dropped.
-#}
{% macro synapse_write_keys(sql, before, new) %}
    {%- set by = deduplication(model.name) -%}
    {%- set version = silver_version() -%}
    {%- set counted_columns = synapse_counted_columns(model.name, by) -%}
    {%- set superseded_columns = synapse_superseded_columns(model.name, by) -%}
    {%- set counted_folder = part_folder(model.name, version) -%}
    {%- set superseded_folder = part_folder(model.name, version, superseded=true) -%}
    {%- set superseded_relation = superseded_rows_of(model.name) -%}
    {%- do new.update({'newest': newest_delivery(model.name)}) -%}
    {%- if not before -%}
        {%- set part = synapse_write(this, counted_folder, sql, counted_columns, is_new=true, main=true) -%}
        {%- do synapse_write(
            superseded_relation, superseded_folder, all_superseded_rows(model.name), superseded_columns, is_new=true
        ) -%}
        {%- set written = run_query('select count_big(*) as row_count from ' ~ part).rows[0][0] -%}
        {%- do new.update({'rows': written | int, 'replaced': 0, 'parts': [version], 'changes': [version]}) -%}
    {%- else -%}
        {%- set judged = synapse_write(synapse_judged_rows(), 'silver/judged/' ~ model.name ~ '/' ~ version, sql, (
            counted_columns[:-1] + superseded_columns[-3:-1]
            + [{'name': 'key_was_there', 'data_type': 'bigint'}, {'name': 'rows_before', 'data_type': 'bigint'}]
        ), main=true) -%}
        {%- set counts = run_query(
            'select coalesce(sum(rows_before), 0) as rows_before, coalesce(sum(rows_now), 0) as rows_now, '
            ~ 'coalesce(sum(rows_told), 0) + coalesce(sum(key_was_there), 0) as rows_told '
            ~ 'from (select max(rows_before) as rows_before, max(key_was_there) as key_was_there, '
            ~ 'sum(case when fate is null then 1 else 0 end) as rows_now, '
            ~ 'sum(case when fate is null then 0 else 1 end) as rows_told from ' ~ judged
            ~ ' group by ' ~ by.key | join(', ') ~ ') as judged_keys'
        ).rows[0] -%}
        {%- set rows_before, rows_now, rows_told = counts[0] | int, counts[1] | int, counts[2] | int -%}
        {%- set rows = new.rows - rows_before + rows_now -%}
        {%- set replaced = before.replaced + rows_before -%}
        {%- set as_one = before.parts | length >= most_parts() or replaced * 10 > rows -%}
        {%- set untouched = ' as there where not exists (select 1 from ' ~ judged ~ ' as judged where '
            ~ same_key(by.key, 'judged', 'there') ~ ')' -%}
        {%- if rows_now or as_one -%}
            {%- set names = quoted_list(counted_columns[:-1] | map(attribute='name')) -%}
            {%- do synapse_write(this, counted_folder, (
                'select ' ~ names ~ ', ' ~ synapse_this_version() ~ ' from ' ~ judged ~ ' where fate is null'
                ~ (' union all select ' ~ names ~ ', _version from ' ~ counted_rows(model.name) ~ untouched if as_one else '')
            ), counted_columns) -%}
        {%- endif -%}
        {%- if rows_told or as_one -%}
            {%- set names = superseded_columns[:-1] | map(attribute='name') | list -%}
            {%- set told = [] -%}
            {%- for name in names -%}
                {%- do told.append(name if name in by.key else '0' if name == 'row_count' else 'null') -%}
            {%- endfor -%}
            {#- All keys that were there are told to have changed. -#}
            {%- do synapse_write(superseded_relation, superseded_folder, (
                'select ' ~ quoted_list(names) ~ ', ' ~ synapse_this_version() ~ ' from ' ~ judged ~ ' where fate is not null'
                ~ ' union all select ' ~ told | join(', ') ~ ', ' ~ synapse_this_version() ~ ' from (select distinct '
                ~ by.key | join(', ') ~ ' from ' ~ judged ~ ' where key_was_there = 1) as changed'
                ~ (' union all select ' ~ quoted_list(names) ~ ', _version from ' ~ superseded_relation ~ untouched
                    ~ ' and fate is not null' if as_one else '')
            ), superseded_columns) -%}
        {%- endif -%}
        {%- do adapter.drop_relation(judged) -%}
        {%- if rows_now or rows_told -%}
            {%- do new.update({'rows': rows, 'replaced': 0 if as_one else replaced}) -%}
        {%- else -%}
            {%- do new.update({'version': before.version}) -%}
        {%- endif -%}
        {%- if as_one -%}
            {%- do new.update({'parts': [version], 'changes': [version], 'deletions_since': before.version}) -%}
        {%- else -%}
            {%- do new.update({
                'parts': before.parts + ([version] if rows_now else []),
                'changes': before.changes + ([version] if rows_told else []),
            }) -%}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}


{#- The columns of the rows of an entity that count, with those that silver does not show; of the last, their version. -#}
{% macro synapse_counted_columns(entity, by) %}
    {%- set shown = graph.nodes['model.' ~ project_name ~ '.' ~ entity].columns -%}
    {{ return(shown.values() | list + synapse_hidden_columns(entity, by.hidden) + [synapse_version_column()]) }}
{% endmacro %}


{#- The columns of the rows of an entity that do not count; the last three are why, how many say so, and the version. -#}
{% macro synapse_superseded_columns(entity, by) %}
    {{ return(synapse_hidden_columns(entity, by.columns + by.hidden) + [
        {'name': 'fate', 'data_type': 'varchar(20)'}, {'name': 'row_count', 'data_type': 'bigint'}, synapse_version_column()
    ]) }}
{% endmacro %}


{% macro synapse_hidden_columns(entity, names) %}
    {%- set described = {} -%}
    {%- for model_name in ['stg_' ~ entity, entity] -%}
        {%- do described.update(graph.nodes.get('model.' ~ project_name ~ '.' ~ model_name, {'columns': {}}).columns) -%}
    {%- endfor -%}
    {%- set columns = [] -%}
    {%- for name in names -%}{%- do columns.append({'name': name, 'data_type': described[name].data_type}) -%}{%- endfor -%}
    {{ return(columns) }}
{% endmacro %}


{% macro synapse_version_column() %}
    {{ return({'name': '_version', 'data_type': 'varchar(255)'}) }}
{% endmacro %}


{% macro synapse_this_version() %}
    {{ return('N' ~ sql_text(silver_version()) ~ ' as _version') }}
{% endmacro %}


{#-
    Writes a query's rows as this version of a relation, in a folder, by CETAS; returns the external table. `is_new` as for
    synapse_typed_select(); `main` is what dbt counts as the model's statement.
-#}
{% macro synapse_write(relation, folder, sql, columns, is_new=false, main=false) %}
    {%- set table = synapse_version_relation(relation, silver_version()) -%}
    {%- if table.identifier in synapse_versions(relation) | map(attribute='name') -%}
        {{ exceptions.raise_compiler_error(
            folder ~ '/ has been written already, and a version is written once. Leave C360_VERSION unset, or give '
            ~ 'another one.'
        ) }}
    {%- endif -%}
    {%- call statement('main' if main else 'part') -%}
        create external table {{ table }} with (
            location = {{ sql_text(folder ~ '/') }},
            data_source = c360_lake,
            file_format = c360_parquet
        ) as
        {{ synapse_typed_select(sql, columns, is_new) }}
    {%- endcall -%}
    {{ return(table) }}
{% endmacro %}


{#- The relation that an incremental version judges rows in. -#}
{% macro synapse_judged_rows() %}
    {{ return(api.Relation.create(database=target.database, schema='staging', identifier=model.name ~ '_judged')) }}
{% endmacro %}


{#-
    The external tables of the model's older versions but those that its views read now; what an invocation that failed left
    is among them.
-#}
{% macro synapse_outdated_tables() %}
    {%- set outdated = [] -%}
    {%- set relations = [this] -%}
    {%- if config.get('incremental_strategy') == 'by_key' -%}
        {%- do relations.extend([superseded_rows_of(model.name), synapse_judged_rows()]) -%}
    {%- endif -%}
    {%- for relation in relations -%}
        {%- set newest = synapse_version_relation(relation, silver_version()).identifier -%}
        {%- for version in synapse_versions(relation) if version.name < newest and not version.is_shown -%}
            {%- do outdated.append(relation.incorporate(path={'identifier': version.name}, type='table')) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(outdated) }}
{% endmacro %}


{#- The external table of one version of a relation. -#}
{% macro synapse_version_relation(relation, version) %}
    {{ return(relation.incorporate(path={'identifier': relation.identifier ~ '__' ~ version}, type='table')) }}
{% endmacro %}


{#- The external tables of versions of a relation. -#}
{% macro synapse_parts(relation, versions) %}
    {%- set tables = [] -%}
    {%- for version in versions -%}{%- do tables.append(synapse_version_relation(relation, version)) -%}{%- endfor -%}
    {{ return(tables) }}
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
    that the YAML gives no type keep theirs, and all do where it lists none. With `is_new` the query has no `_version`: it is
    this one.
-#}
{% macro synapse_typed_select(sql, columns, is_new=false) %}
    {%- set values = [] -%}
    {%- for column in columns -%}
        {%- set name = quoted(column.name) -%}
        {%- set value = 'N' ~ sql_text(silver_version()) if is_new and column.name == '_version' else name -%}
        {%- do values.append(
            'cast(' ~ value ~ ' as ' ~ engine_type(column.data_type) ~ ') as ' ~ name if column.data_type else name
        ) -%}
    {%- endfor -%}
{{ sqlserver_as_cte(sql, 'dbt_model') }}
select
    {{ values | join(',\n    ') or '*' }}
from dbt_model
{% endmacro %}
