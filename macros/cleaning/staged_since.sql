{#-
    The relation over the staged rows of an entity, which incrementally need not have those that the model has taken in; it is
    for the model to leave them out. Example: staged_since('customers')
-#}
{% macro staged_since(entity) -%}
    {%- set staged = ref('stg_' ~ entity) -%}
    {{ return(
        adapter.dispatch('staged_after')(staged, increment().since['stg_' ~ entity]) if is_incremental() else staged
    ) }}
{%- endmacro %}


{% macro default__staged_after(staged, version) -%}{{ return(staged) }}{%- endmacro %}
