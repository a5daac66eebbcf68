{#- A seed on a Synapse serverless SQL pool, which has no tables: a view of its rows, typed by `column_types`. -#}
{% materialization seed, adapter='synapse' %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set rows = load_agate_table() -%}
    {%- do store_result('agate_table', response='OK', agate_table=rows) -%}

    {{ run_hooks(pre_hooks) }}

    {%- if existing_relation and not existing_relation.is_view -%}
        {{ drop_relation_if_exists(existing_relation) }}
    {%- endif -%}
    {%- call statement('main') -%}
        create or alter view {{ target_relation }} as
        {{ synapse_seed_sql(rows, config.get('column_types', {})) }}
    {%- endcall -%}

    {%- do apply_grants(target_relation, config.get('grants'), should_revoke=true) -%}
    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}


{% macro synapse_seed_sql(table, column_types) %}
    {%- set names = [] -%}
    {%- set columns = [] -%}
    {%- for name in table.column_names -%}
        {%- set type = column_types.get(name) or adapter.convert_type(table, loop.index0) -%}
        {%- do names.append(quoted(name)) -%}
        {%- do columns.append('cast(' ~ quoted(name) ~ ' as ' ~ engine_type(type) ~ ') as ' ~ quoted(name)) -%}
    {%- endfor -%}
    {%- set rows = [] -%}
    {%- for row in table.rows -%}
        {%- set values = [] -%}
        {%- for value in row.values() -%}
            {%- do values.append('null' if value is none else 'N' ~ sql_text(value | string)) -%}
        {%- endfor -%}
        {%- do rows.append('(' ~ values | join(', ') ~ ')') -%}
    {%- endfor -%}
select
    {{ columns | join(',\n    ') }}
from (values
    {{ rows | join(',\n    ') or '(' ~ (['null'] * names | length) | join(', ') ~ ')' }}
) as seed ({{ names | join(', ') }})
{{ 'where 1 = 0' if not rows }}
{% endmacro %}
