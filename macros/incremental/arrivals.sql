{#-
    What has arrived of an entity: `version`, its newest batch; `digest` of all its files; `newest`, the delivery with its newest
    file: `_batch_id` and `delivery_number`; `digest_before` and `newest_before`, the same of those up to the batch that its
    staging model had taken in. Read once an invocation.
-#}
{% macro arrivals(entity) -%}
    {%- set known = graph.get('c360_arrivals') -%}
    {%- set nothing = {'_batch_id': '', 'delivery_number': 0} -%}
    {{ return((read_arrivals() if known is none else known).get(
        entity, {'version': '', 'digest': '', 'digest_before': '', 'newest': nothing, 'newest_before': nothing}
    )) }}
{%- endmacro %}


{% macro read_arrivals() -%}
    {%- set found = {} -%}
    {%- for row in adapter.dispatch('arrived_files')() -%}
        {%- do found.update({row.entity: {
            'version': row.version,
            'digest': row.digest,
            'digest_before': row.digest_before,
            'newest': {'_batch_id': row.newest_batch_id, 'delivery_number': row.newest_delivery},
            'newest_before': {'_batch_id': row.newest_batch_id_before, 'delivery_number': row.newest_delivery_before},
        }}) -%}
    {%- endfor -%}
    {%- do graph.update({'c360_arrivals': found}) -%}
    {{ return(found) }}
{%- endmacro %}


{#- The delivery with the newest file of those that the staging model has taken in. -#}
{% macro newest_delivery(entity) -%}
    {%- set arrived = arrivals(entity) -%}
    {{ return(arrived.newest if staged_up_to(entity) == arrived.version else arrived.newest_before) }}
{%- endmacro %}


{% macro duckdb__arrived_files() -%}
    {%- if not duckdb_has('bronze', 'landed_files') or not duckdb_has('staging', 'built') -%}{{ return([]) }}{%- endif -%}
    {%- set query -%}
        with staged as (
            select
                substring(relation, 5) as entity,
                json_extract_string(state, '$.version') as version
            from staging.built
            where starts_with(relation, 'stg_')
        ),

        files as (
            select
                landed_files.*,
                concat_ws('/', _batch_id, _source_file, fingerprint) as told,
                coalesce(_batch_id <= staged.version, false) as is_staged,
                row(row_count > 0, as_of, _batch_id, file_number) as place
            from bronze.landed_files
            left join staged using (entity)
        )

        select
            entity,
            max(_batch_id) as version,
            md5(string_agg(told, ' ' order by _batch_id, file_number)) as digest,
            coalesce(md5(string_agg(told, ' ' order by _batch_id, file_number) filter (is_staged)), '') as digest_before,
            arg_max(_batch_id, place) as newest_batch_id,
            arg_max(delivery_number, place) as newest_delivery,
            coalesce(arg_max(_batch_id, place) filter (is_staged), '') as newest_batch_id_before,
            coalesce(arg_max(delivery_number, place) filter (is_staged), 0) as newest_delivery_before
        from files
        group by entity
    {%- endset -%}
    {{ return(run_query(query).rows) }}
{%- endmacro %}


{#- Asked where increments are taken (takes_increments). -#}
{% macro default__arrived_files() -%}{{ return(none) }}{%- endmacro %}
