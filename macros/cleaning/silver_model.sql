{#-
    A silver model as the YAML describes it. dbt shows its unit tests no graph; they run on DuckDB, which reads the file
    (in the project's folder, where dbt is run).
-#}
{% macro silver_model(entity) %}
    {% if graph.nodes is defined %}
        {{ return(graph.nodes['model.' ~ project_name ~ '.' ~ entity]) }}
    {% endif %}
    {% set text = run_query("select content from read_text('models/silver/_silver__models.yml')").rows[0][0] %}
    {{ return(fromyaml(text).models | selectattr('name', 'equalto', entity) | first) }}
{% endmacro %}
