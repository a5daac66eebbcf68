{#-
    The contract of a silver entity as its YAML states it: `key`, `dimension`, `rejects` (reason: columns) and `columns`,
    a list of {name, type, bronze_column, blank}. Only columns that come from bronze are listed. Empty while dbt parses.
-#}
{% macro silver_contract(entity) %}
    {% set node = silver_model(entity) if execute else {'columns': []} %}
    {% set meta = node.get('config', {}).get('meta', {}) %}
    {% set columns = [] %}
    {% for column in (node.columns.values() if node.columns is mapping else node.columns) %}
        {% set origin = column.get('config', {}).get('meta', {}) %}
        {% if origin.bronze_column %}
            {% do columns.append({
                'name': column.name,
                'type': column.data_type,
                'bronze_column': origin.bronze_column,
                'blank': origin.blank,
            }) %}
        {% endif %}
    {% endfor %}
    {{ return({
        'key': meta.get('key', []),
        'dimension': meta.get('dimension', false),
        'rejects': meta.get('rejects', {}),
        'columns': columns,
    }) }}
{% endmacro %}


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
