{#-
    dbt's own question, also for what stands in the lake: whether the model adds to what is there. It does not where that
    would not give what a full build gives; increment() says when.
-#}
{% macro is_incremental() -%}
    {#- dbt's unit tests, which are shown no graph, build nothing. -#}
    {%- if not execute or graph.nodes is not defined -%}{{ return(false) }}{%- endif -%}
    {%- if model.config.materialized == 'external' -%}{{ return(increment() is not none) }}{%- endif -%}
    {{ return(adapter.dispatch('adds_to_table')()) }}
{%- endmacro %}


{% macro default__adds_to_table() -%}{{ return(dbt.is_incremental()) }}{%- endmacro %}


{#- The relation that an incremental model adds to. -#}
{% macro published_relation() -%}
    {{ return(adapter.dispatch('published_relation')()) }}
{%- endmacro %}


{% macro default__published_relation() -%}{{ return(this) }}{%- endmacro %}


{#- dbt asks it of each incremental model. -#}
{% macro should_full_refresh() -%}
    {{ return(
        dbt.should_full_refresh()
        or (execute and model.config.materialized == 'incremental' and increment() is none)
    ) }}
{%- endmacro %}
