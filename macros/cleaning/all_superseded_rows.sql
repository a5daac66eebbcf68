{#- The select of the rows that do not count, in a build of everything: as rejudged_rows has them. A history has none. -#}
{% macro all_superseded_rows(entity) -%}
{%- set by = deduplication(entity) -%}
{%- if entity in histories() -%}{{ return(no_superseded_rows(entity, by)) }}{%- endif -%}
with {{ judged_rows(entity, by) }},

{{ gathered_rows(by) }}

select
    {{ (by.columns + by.hidden) | join(', ') }},
    fate,
    rows_that_say_so as row_count
from gathered
where fate is not null and newest_that_says_so = 1
{%- endmacro %}


{% macro no_superseded_rows(history, by) -%}
    {%- set columns = {} -%}
    {%- for name in by.columns -%}
        {%- do columns.update({name: graph.nodes['model.' ~ project_name ~ '.' ~ history].columns[name]}) -%}
    {%- endfor -%}
    {%- do columns.update({
        'fate': {'name': 'fate', 'data_type': 'varchar(20)'}, 'row_count': {'name': 'row_count', 'data_type': 'bigint'}
    }) -%}
    {{ typed_nulls(columns) }}
    where 1 = 0
{%- endmacro %}
