{#-
    What incremental models tell those that are made from them: a row of a `relation` and `version` with the
    `changed_key` and what became of it: of a dimension a member that is `new`, `gone`, or `changed` in a column that others
    follow; of any relation the `customer` whose rows came or went.
-#}
{% macro changes_relation() -%}
    {{ return(adapter.dispatch('changes_relation')()) }}
{%- endmacro %}


{% macro default__changes_relation() -%}{{ return('staging.changes') }}{%- endmacro %}


{#- Whether members of a dimension came or went after a version. -#}
{% macro members_that_came_or_went(dimension, since) -%}
    {{ return(run_query(
        'select count(*) as number from ' ~ changes_relation() ~ ' where relation = ' ~ sql_text(dimension)
        ~ ' and version > ' ~ sql_text(since) ~ " and change in ('new', 'gone')"
    ).rows[0][0] > 0) }}
{%- endmacro %}


{#- The select of the keys of members of a dimension that changed after a version: that came or went, or those of `changes`. -#}
{% macro members_changed(dimension, column, since, changes=['new', 'gone']) -%}
    {%- set kinds = [] -%}
    {%- for change in changes -%}{%- do kinds.append(sql_text(change)) -%}{%- endfor -%}
    {#- Keys of other relations may be of other types, and an engine may convert them before it leaves them out. -#}
    select try_cast(changed_key as {{ key_type(dimension, column) }})
    from {{ changes_relation() }}
    where relation = {{ sql_text(dimension) }} and version > {{ sql_text(since) }} and change in ({{ kinds | join(', ') }})
{%- endmacro %}


{#- The relation of a model that the one being built, or tested, depends on, if need be by way of others. -#}
{% macro relation_of(name) -%}
    {{ return(graph.nodes['model.' ~ project_name ~ '.' ~ name].relation_name) }}
{%- endmacro %}


{#- The engine's type of a column of a model. -#}
{% macro key_type(name, column) -%}
    {{ return(engine_type(graph.nodes['model.' ~ project_name ~ '.' ~ name].columns[column].data_type)) }}
{%- endmacro %}
