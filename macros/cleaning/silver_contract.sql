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
