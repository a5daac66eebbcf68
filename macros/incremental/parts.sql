{#-
    The folder in the lake of what one version added to a relation, as lake/paths.py has it; with `superseded`, of what the
    version says about rows of that relation that do not count.
-#}
{% macro part_folder(name, version, superseded=false) -%}
    {%- set place = 'superseded/' ~ name if superseded else ('staging/' ~ name[4:] if name.startswith('stg_') else name) -%}
    {{ return('silver/' ~ place ~ '/' ~ version) }}
{%- endmacro %}


{#-
    The relation over all rows of an entity that count, with what silver does not show of them (`_row_number`, what could not
    be read, and `_version`, the silver version that last changed their key).
-#}
{% macro counted_rows(entity) -%}
    {{ return(api.Relation.create(database=target.database, schema='staging', identifier=entity ~ '_counted')) }}
{%- endmacro %}


{#-
    The relation over the good rows of an entity that do not count, with why (`fate`); rows that say the same stand there once,
    with their number (`row_count`). A row without fate tells that `_version` changed the key: older rows of it are void.
-#}
{% macro superseded_rows_of(entity) -%}
    {{ return(api.Relation.create(database=target.database, schema='staging', identifier=entity ~ '_superseded')) }}
{%- endmacro %}


{#- The select of the keys of an entity that changed after a silver version. -#}
{% macro changed_keys(entity, since) -%}
    {{ return(adapter.dispatch('changed_keys')(entity, since)) }}
{%- endmacro %}


{% macro default__changed_keys(entity, since) -%}
    {%- set key = deduplication(entity).key | join(', ') -%}
    select {{ key }} from {{ counted_rows(entity) }}
    where _version > {{ sql_text(since) }}
    union
    select {{ key }} from {{ superseded_rows_of(entity) }}
    where _version > {{ sql_text(since) }}
{%- endmacro %}


{#- The select of columns of the rows of an entity that have a key that changed after a silver version. -#}
{% macro changed_rows(entity, columns, since) -%}
    {{ return(adapter.dispatch('changed_rows')(entity, columns, since)) }}
{%- endmacro %}


{% macro default__changed_rows(entity, columns, since) -%}
    select {{ quoted_list(columns) }} from {{ counted_rows(entity) }} where _version > {{ sql_text(since) }}
{%- endmacro %}
