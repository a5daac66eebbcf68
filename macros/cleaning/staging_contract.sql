{#-
    The contract of an entity, as the YAML of its staging model states it: `key`, whether it is a `dimension`, its `lines`
    (declared: several rows may be one order where the source is declared so; always: several rows may have one key), and
    `columns`, a list of {name, type, bronze_column, rejects, blank} of what comes from bronze; `carried`, the names of columns
    that go on as they are in bronze, for silver not to show but to keep with the row. A model that asks for it is
    that staging model or refers to it. Empty while dbt parses. dbt shows its unit tests no YAML; they run on DuckDB, which
    reads the file (in the project's folder, where dbt is run).
-#}
{% macro staging_contract(entity) %}
    {% set name = 'stg_' ~ entity %}
    {% if not execute %}
        {% set node = {'columns': {}} %}
    {% elif graph.nodes is defined %}
        {% set node = graph.nodes['model.' ~ project_name ~ '.' ~ name] %}
    {% else %}
        {% set text = run_query("select content from read_text('models/silver/_silver__models.yml')").rows[0][0] %}
        {% set node = fromyaml(text).models | selectattr('name', 'equalto', name) | first %}
    {% endif %}
    {% set meta = node.get('config', {}).get('meta', {}) %}
    {% set columns = [] %}
    {% set carried = [] %}
    {% for column in (node.columns.values() if node.columns is mapping else node.columns) %}
        {% set origin = column.get('config', {}).get('meta', {}) %}
        {% if origin.carried %}{% do carried.append(column.name) %}{% endif %}
        {% if origin.bronze_column %}
            {% do columns.append({
                'name': column.name,
                'type': column.data_type,
                'bronze_column': origin.bronze_column,
                'rejects': origin.rejects,
                'blank': origin.blank,
            }) %}
        {% endif %}
    {% endfor %}
    {{ return({
        'key': meta.get('key', []),
        'dimension': meta.get('dimension', false),
        'lines': meta.get('lines'),
        'columns': columns,
        'carried': carried,
    }) }}
{% endmacro %}
