{#-
    What dbt asks the database about relations, for a serverless SQL pool. dbt-synapse asks INFORMATION_SCHEMA in small
    letters, which a database with a binary collation does not take, and dbt-fabric adds labels, which a pool has not, and
    nests WITH.
-#}
{% macro synapse_relations_sql() -%}
    (
        select object_id, name, schema_id, principal_id, 'view' as kind from sys.views
        union all
        select object_id, name, schema_id, principal_id, 'table' as kind from sys.external_tables
    )
{%- endmacro %}


{#- Views, and external tables as tables. -#}
{% macro synapse__list_relations_without_caching(schema_relation) %}
    {% set query %}
        select
            db_name() as [database],
            relation.name as [name],
            schema_name(relation.schema_id) as [schema],
            relation.kind as table_type
        from {{ synapse_relations_sql() }} as relation
        where relation.schema_id = schema_id(N{{ sql_text(schema_relation.schema) }})
    {% endset %}
    {{ return(run_query(query)) }}
{% endmacro %}


{% macro synapse__check_schema_exists(information_schema, schema) %}
    {{ return(run_query('select count(*) as schema_exist from sys.schemas where name = N' ~ sql_text(schema))) }}
{% endmacro %}


{% macro synapse__get_columns_in_relation(relation) %}
    {% set query %}
        select
            columns.name as column_name,
            types.name as data_type,
            case
                when types.name in ('nchar', 'nvarchar') and columns.max_length > 0 then columns.max_length / 2
                else columns.max_length
            end as character_maximum_length,
            columns.precision as numeric_precision,
            columns.scale as numeric_scale
        from sys.columns as columns
        inner join sys.types as types on columns.user_type_id = types.user_type_id
        where columns.object_id = object_id(N{{ sql_text(relation | string) }})
        order by columns.column_id
    {% endset %}
    {{ return(sql_convert_columns_in_relation(run_query(query))) }}
{% endmacro %}


{% macro synapse__get_columns_in_query(select_sql) %}
    {{ return(run_query(fabric__get_empty_subquery_sql(select_sql)).columns | map(attribute='name') | list) }}
{% endmacro %}


{% macro fabric__get_empty_subquery_sql(select_sql, select_sql_header=none) %}
{{ sqlserver_as_cte(select_sql, 'dbt_query') }}
select * from dbt_query where 0 = 1
{% endmacro %}


{#- For `dbt docs generate`: the columns of some relations, or of all relations of some schemas. -#}
{% macro synapse__get_catalog_relations(information_schema, relations) %}
    {% set conditions = [] %}
    {% for relation in relations %}
        {% set named = 'schemas.name = N' ~ sql_text(relation.schema) ~ ' and relation.name = N' ~ sql_text(relation.name) %}
        {% do conditions.append('(' ~ named ~ ')') %}
    {% endfor %}
    {{ return(run_query(synapse_catalog_sql(conditions))) }}
{% endmacro %}


{% macro synapse__get_catalog(information_schema, schemas) %}
    {% set conditions = [] %}
    {% for schema in schemas %}{% do conditions.append('schemas.name = N' ~ sql_text(schema)) %}{% endfor %}
    {{ return(run_query(synapse_catalog_sql(conditions))) }}
{% endmacro %}


{% macro synapse_catalog_sql(conditions) %}
select
    db_name() as table_database,
    schemas.name as table_schema,
    relation.name as table_name,
    relation.kind as table_type,
    null as table_comment,
    owners.name as table_owner,
    columns.name as column_name,
    columns.column_id as column_index,
    case
        when types.name in ('nchar', 'nvarchar') and columns.max_length > 0
            then concat(types.name, '(', columns.max_length / 2, ')')
        when types.name in ('char', 'varchar') and columns.max_length > 0
            then concat(types.name, '(', columns.max_length, ')')
        when types.name in ('char', 'varchar', 'nchar', 'nvarchar') then concat(types.name, '(max)')
        when types.name in ('decimal', 'numeric')
            then concat(types.name, '(', columns.precision, ',', columns.scale, ')')
        when types.name in ('datetime2', 'time') then concat(types.name, '(', columns.scale, ')')
        else types.name
    end as column_type,
    null as column_comment
from {{ synapse_relations_sql() }} as relation
inner join sys.schemas as schemas on relation.schema_id = schemas.schema_id
inner join sys.columns as columns on relation.object_id = columns.object_id
inner join sys.types as types on columns.user_type_id = types.user_type_id
left join sys.database_principals as owners
    on coalesce(relation.principal_id, schemas.principal_id) = owners.principal_id
where {{ conditions | join(' or ') }}
order by schemas.name, relation.name, columns.column_id
{% endmacro %}
