{#-
    The T-SQL that selects `columns` of the rows of all parts of an entity whose key no later part changed, as duckdb_show_keys
    has it. `rows` are the relations over the parts, the oldest first, `changes` those over what each part but the first says
    of rows that do not count. Most rows are in the oldest part, where no versions have to be compared.
-#}
{% macro rows_of_parts(columns, key, rows, changes) -%}
    {%- set names = quoted_list(columns) %}
select {{ names }}
from {{ rows[0] }} as there
    {%- if changes %}
where not exists (
    select 1 from ({{ changed_in_parts(key, changes) }}) as changed
    where {{ same_key(key, 'changed', 'there') }}
)
    {%- endif %}
    {%- if rows | length > 1 %}
union all
select {{ names }}
from (
    {%- for relation in rows[1:] %}
    select {{ quoted_list((columns | list + ['_version']) | unique) }} from {{ relation }}
    {{- ' union all' if not loop.last }}
    {%- endfor %}
) as there
    {%- if changes[1:] %}
where not exists (
    select 1 from ({{ changed_in_parts(key, changes[1:]) }}) as changed
    where {{ same_key(key, 'changed', 'there') }} and changed._version > there._version
)
    {%- endif %}
    {%- endif %}
{%- endmacro %}


{% macro changed_in_parts(key, changes) -%}
    {%- for relation in changes -%}
    select {{ quoted_list(key + ['_version']) }} from {{ relation }} where fate is null
    {{- ' union all ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}


{#- The same of a relation whose rows all count. -#}
{% macro all_of_parts(columns, rows) -%}
    {%- for relation in rows %}
select {{ quoted_list(columns) }} from {{ relation }}
    {{- '\nunion all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
