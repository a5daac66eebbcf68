{#-
    Makes every relation of the sources: `bronze.<entity>` over the rows that were read of the landed files, with the
    source's columns as text, `_row_number`, `_as_of`, `_source_file` and `_batch_id`; `bronze.malformed_lines`;
    `bronze.landed_files`. Only files that a manifest names are seen, so what a killed run left behind is not. Runs before
    each invocation, and stops one that would find bronze empty though it was not.
-#}
{% macro create_bronze_relations() %}
    {% if execute %}{{ return(adapter.dispatch('create_bronze_relations')()) }}{% endif %}
{% endmacro %}


{#- Bronze stays in the lake: Azure SQL sees silver only. -#}
{% macro sqlserver__create_bronze_relations() %}{% endmacro %}


{#- The place in the lake of the rows that were read of a landed file, as lake/paths.py has it. -#}
{% macro bronze_rows_path(file) %}
    {{ return('bronze/rows/' ~ file.entity ~ '/' ~ file._batch_id ~ '/' ~ file._source_file ~ '.parquet') }}
{% endmacro %}


{#- The place in the lake of the lines that were set aside when a landed file was read. -#}
{% macro bronze_malformed_path(file) %}
    {{ return('bronze/malformed/' ~ file.entity ~ '/' ~ file._batch_id ~ '/' ~ file._source_file ~ '.jsonl') }}
{% endmacro %}


{#-
    Raises when no file has landed in a lake that had some: a build would replace the answers by none and report success.
    `published` are the batches of the published version, `retracted` those that were taken back, which is how bronze may
    become empty; `had_files` tells whether bronze's views read any file until now.
-#}
{% macro check_bronze_is_there(lake, published, retracted, had_files) %}
    {% set lost = published | reject('in', retracted) | list %}
    {% if lost or (had_files and not retracted) %}
        {{ exceptions.raise_compiler_error(
            'No landed file is to be seen in ' ~ lake ~ '/bronze/manifests, but '
            ~ ('the published version was made of ' ~ lost | length ~ ' batch(es) that landed there' if lost
                else 'what was built before was made of some')
            ~ '. Nothing was changed. See that C360_LAKE and C360_HOME name the lake that has them, or restore the folder '
            ~ 'from a backup; to take a batch back, use `c360 retract`.'
        ) }}
    {% endif %}
{% endmacro %}
