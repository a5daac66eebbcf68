{#-
    Pre-hook of a snapshot: gives the columns of its history the types that they have now in `relation`, which it is the
    history of. Keys change theirs when they are declared text, and comparing and adding rows would fail. Raises where what
    is there can't be kept so: keys that are text are no integers. Example: fit_history(ref('customers'))
-#}
{% macro fit_history(relation) -%}
    {%- set history = load_cached_relation(this) if execute -%}
    {%- if history -%}
        {%- set now = {} -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}{%- do now.update({column.name: column}) -%}{%- endfor -%}
        {%- for column in adapter.get_columns_in_relation(history)
            if column.name in now and column.dtype | lower != now[column.name].dtype | lower -%}
            {%- do check_history_fits(history, column, now[column.name].data_type) -%}
            {%- do adapter.dispatch('change_type')(history, column.name, now[column.name].data_type) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{% macro check_history_fits(history, column, type) -%}
    {%- set lost = run_query(
        'select count(*) as lost from ' ~ history ~ ' where ' ~ quoted(column.name) ~ ' is not null and try_cast('
        ~ quoted(column.name) ~ ' as ' ~ type ~ ') is null'
    ).rows[0][0] -%}
    {%- if lost -%}
        {{ exceptions.raise_compiler_error(
            'The history ' ~ history.schema ~ '.' ~ history.identifier ~ ' has ' ~ lost ~ ' rows whose ' ~ column.name
            ~ ' is no ' ~ type ~ ', from when these keys were declared text. Declare `keys: text` for them as before, or '
            ~ 'rename that table, which begins its history anew.'
        ) }}
    {%- endif -%}
{%- endmacro %}


{% macro default__change_type(history, name, type) -%}
    {%- do run_query('alter table ' ~ history ~ ' alter column ' ~ quoted(name) ~ ' type ' ~ type) -%}
{%- endmacro %}


{#- A column that an index has keeps its type; the snapshot makes the indexes that it lacks at its end. -#}
{% macro sqlserver__change_type(history, name, type) -%}
    {%- for index in sqlserver__list_nonclustered_rowstore_indexes(history).columns[0].values() | unique -%}
        {%- do run_query(sqlserver__get_drop_index_sql(history, index)) -%}
    {%- endfor -%}
    {%- do run_query(
        'alter table ' ~ history ~ ' alter column ' ~ quoted(name) ~ ' ' ~ (collated(type) if 'char' in type else type)
    ) -%}
{%- endmacro %}
