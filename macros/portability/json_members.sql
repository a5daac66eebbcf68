{#-
    The select of a row for each member of the JSON object in a text column of a relation, which may be null: some `columns` of
    the relation, `member_name` and `member_value`, which is text.
    Example: json_members(ref('documents'), 'document', ['document_id'])
-#}
{% macro json_members(relation, document, columns) -%}
    {{ return(adapter.dispatch('json_members')(relation, document, columns)) }}
{%- endmacro %}


{#- A map of all members is ten times as fast as json_each, which looks at a document for each of them. -#}
{% macro duckdb__json_members(relation, document, columns) -%}
    select
        {{ columns | join(',\n        ') }},
        member.key as member_name,
        member.value as member_value
    from (
        select
            {{ columns | join(',\n            ') }},
            unnest(map_entries(from_json({{ document }}, '"map(varchar, varchar)"'))) as member
        from {{ relation }}
    )
{%- endmacro %}


{% macro sqlserver__json_members(relation, document, columns) -%}
    select
        documents.{{ columns | join(',\n        documents.') }},
        member.[key] as member_name,
        member.value as member_value
    from {{ relation }} as documents
    cross apply openjson(documents.{{ document }}) as member
{%- endmacro %}


{% macro fabric__json_members(relation, document, columns) -%}
    {{ return(sqlserver__json_members(relation, document, columns)) }}
{%- endmacro %}
