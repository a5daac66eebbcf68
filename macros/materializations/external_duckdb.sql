{#-
    `external` on DuckDB: the model's rows as Parquet in the folder of this invocation's silver version, and a view over all
    parts that the relation consists of. A version's folder is new, so readers of other versions are not disturbed.

    With `incremental_strategy` a version adds to what is there, where that gives what a build of everything gives
    (increment()): `append` adds the model's rows, `by_key` puts all rows of a key in the place of those that were there. A
    relation of more than `most_parts`, or of which more than a tenth was replaced, is written as one part again.
    A model without strategy is built whole, unless nothing that it is made from has changed.
    Replaces dbt-duckdb's own, which writes the rows to a table first and cannot write an empty file.
-#}
{% materialization external, adapter='duckdb' %}
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
        {%- do note_built(model.name, dict(state, inputs=inputs_now(taken=true), since={'version': state.version})) -%}
    {%- else -%}
        {#- Whoever is asked for a folder begins the transaction in which the new state is noted and shown. -#}
        {%- call statement('make_folder') -%}
            select make_directory({{ sql_text(lake_path(part_folder(model.name, silver_version()))) }})
        {%- endcall -%}
        {%- set before = state if increment and strategy else none -%}
        {%- set new = state_to_build(before) -%}
        {%- if strategy == 'by_key' -%}
            {%- do duckdb_write_keys(sql, before, new) -%}
            {%- do duckdb_show_keys(target_relation, new.parts) -%}
        {%- else -%}
            {%- do duckdb_write_rows(sql, target_relation, before, new) -%}
            {%- do run_query('create or replace view ' ~ target_relation ~ ' as select * from ' ~ duckdb_parts(new.parts)) -%}
        {%- endif -%}
        {%- do note_built(model.name, new) -%}
    {%- endif -%}

    {%- do persist_docs(target_relation, model) -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{#- How many parts a relation may have before a version writes it as one. -#}
{% macro most_parts() %}{{ return(30) }}{% endmacro %}


{#- The file of one part; `superseded` as for part_folder(). -#}
{% macro duckdb_part(version, superseded=false) -%}
    {{ return(lake_path(part_folder(model.name, version, superseded)) ~ '/' ~ this.identifier ~ '.parquet') }}
{%- endmacro %}


{#- The parts of the relation, to select from. -#}
{% macro duckdb_parts(versions, superseded=false) -%}
    {%- set files = [] -%}
    {%- for version in versions -%}{%- do files.append(sql_text(duckdb_part(version, superseded))) -%}{%- endfor -%}
    {{ return('read_parquet([' ~ files | join(', ') ~ '])') }}
{%- endmacro %}


{#- Writes the model's rows as a part, and with them all that was there before, if there are too many parts. -#}
{% macro duckdb_write_rows(sql, relation, before, new) -%}
    {%- set as_one = before and before.parts | length >= most_parts() -%}
    {%- set file = duckdb_part(silver_version()) -%}
    {%- call statement('main') -%}
        copy (
            {{ sql }}
            {%- if as_one %}
            union all
            select * from {{ relation }}
            {%- endif %}
        ) to {{ sql_text(file) }} (format parquet)
    {%- endcall -%}
    {%- set written = run_query('select count(*) from read_parquet(' ~ sql_text(file) ~ ')').rows[0][0] -%}
    {%- do new.update({
        'rows': written + (0 if as_one else new.rows),
        'parts': [silver_version()] if as_one else new.parts + [silver_version()],
    }) -%}
{%- endmacro %}


{#- Writes what counts and what does not as two parts, and with them all that was there before, if there is too much of it. -#}
{% macro duckdb_write_keys(sql, before, new) -%}
    {%- set by = deduplication(model.name) -%}
    {%- set version = silver_version() -%}
    {%- set version_column = sql_text(version) ~ ' as _version' -%}
    {%- set counted, superseded = duckdb_part(version), duckdb_part(version, superseded=true) -%}
    {%- do run_query('select make_directory(' ~ sql_text(lake_path(part_folder(model.name, version, superseded=true))) ~ ')') -%}
    {%- do new.update({'newest': newest_delivery(model.name)}) -%}
    {%- if not before -%}
        {%- call statement('main') -%}
            copy (select *, {{ version_column }} from (
                {{ sql }}
            )) to {{ sql_text(counted) }} (format parquet)
        {%- endcall -%}
        {%- do run_query(
            'copy (select *, ' ~ version_column ~ ' from (' ~ all_superseded_rows(model.name) ~ ')) to ' ~ sql_text(superseded)
            ~ ' (format parquet)'
        ) -%}
        {%- set written = run_query('select count(*) from read_parquet(' ~ sql_text(counted) ~ ')').rows[0][0] -%}
        {%- do new.update({'rows': written, 'replaced': 0, 'parts': [version]}) -%}
    {%- else -%}
        {%- set judged = quoted(model.name ~ '__judged') -%}
        {%- set key = by.key | join(', ') -%}
        {%- set staged = (by.columns + by.hidden) | join(', ') -%}
        {%- call statement('main') -%}
            create or replace temp table {{ judged }} as (
                {{ sql }}
            )
        {%- endcall -%}
        {%- set counts = run_query(
            'select coalesce(sum(rows_before), 0) as rows_before, coalesce(sum(rows_now), 0) as rows_now from ('
            ~ 'select any_value(rows_before) as rows_before, count(*) filter (fate is null) as rows_now from ' ~ judged
            ~ ' group by ' ~ key ~ ')'
        ).rows[0] -%}
        {%- set rows = new.rows - (counts.rows_before | int) + (counts.rows_now | int) -%}
        {%- set replaced = before.replaced + (counts.rows_before | int) -%}
        {%- set as_one = before.parts | length >= most_parts() or replaced * 10 > rows -%}
        {%- set untouched = ' where not exists (select 1 from ' ~ judged ~ ' as judged where '
            ~ same_key(by.key, 'judged', 'there') ~ ')' -%}
        {%- do run_query(
            'copy (select ' ~ silver_names(by) ~ ', ' ~ version_column ~ ' from ' ~ judged ~ ' where fate is null'
            ~ (' union all select * from ' ~ counted_rows(model.name) ~ ' as there' ~ untouched if as_one else '')
            ~ ') to ' ~ sql_text(counted) ~ ' (format parquet)'
        ) -%}
        {#- All keys that were there are told to have changed. -#}
        {%- do run_query(
            'copy (select ' ~ staged ~ ', fate, row_count, ' ~ version_column ~ ' from ' ~ judged ~ ' where fate is not null'
            ~ ' union all by name select distinct ' ~ key ~ ', 0::bigint as row_count, ' ~ version_column ~ ' from ' ~ judged
            ~ ' where key_was_there = 1'
            ~ (' union all by name select * from ' ~ superseded_rows_of(model.name) ~ ' as there' ~ untouched
                ~ ' and fate is not null' if as_one else '')
            ~ ') to ' ~ sql_text(superseded) ~ ' (format parquet)'
        ) -%}
        {%- do run_query('drop table ' ~ judged) -%}
        {%- do new.update({
            'rows': rows,
            'replaced': 0 if as_one else replaced,
            'parts': [version] if as_one else new.parts + [version],
            'deletions_since': before.version if as_one else new.deletions_since,
        }) -%}
    {%- endif -%}
{%- endmacro %}


{#- The names of what deduplicate_staged() gives. -#}
{% macro silver_names(by) -%}
    {{ return((by.key + (['line_number'] if by.numbered else []) + (by.columns | reject('in', by.key) | list) + by.hidden)
        | join(', ')) }}
{%- endmacro %}


{#-
    Makes the views over the parts of an entity: all rows whose key no later version changed. Most rows are in the oldest part,
    where every change is a later one and no versions have to be compared.
-#}
{% macro duckdb_show_keys(relation, versions) -%}
    {%- set by = deduplication(model.name) -%}
    {%- for shown, superseded in [(counted_rows(model.name), false), (superseded_rows_of(model.name), true)] -%}
        {%- set query -%}
            {%- for parts, changes in [(versions[:1], versions[1:]), (versions[1:], versions[2:])] if parts -%}
            {{ ' union all ' if not loop.first }}select * from {{ duckdb_parts(parts, superseded) }} as there
            {%- if changes %}
            where not exists (
                select 1 from {{ duckdb_parts(changes, superseded=true) }} as changed
                where
                    changed.fate is null and {{ same_key(by.key, 'changed', 'there') }}
                    {{ 'and changed._version > there._version' if not loop.first }}
            )
            {%- endif -%}
            {%- endfor -%}
        {%- endset -%}
        {%- do run_query('create or replace view ' ~ shown ~ ' as ' ~ query) -%}
    {%- endfor -%}
    {%- do run_query(
        'create or replace view ' ~ relation ~ ' as select ' ~ quoted_list(model.columns) ~ ' from ' ~ counted_rows(model.name)
    ) -%}
{%- endmacro %}
