{#-
    The newest batch that the staging model of an entity has taken in. Bronze may have newer ones, of which the models made
    from staging are to know nothing yet. None where no state is kept.
-#}
{% macro staged_up_to(entity) -%}
    {%- if not execute or graph.nodes is not defined -%}{{ return(none) }}{%- endif -%}
    {%- set state = built('stg_' ~ entity) -%}
    {{ return(state.version if state else none) }}
{%- endmacro %}
