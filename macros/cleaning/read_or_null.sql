{#- The columns that are empty (null) where their value cannot be read: neither text nor what rejects the row. -#}
{% macro read_or_null(contract) %}
    {% set names = [] %}
    {% for column in contract.columns if not (column.rejects or column.type.startswith('varchar')) %}
        {% do names.append(column.name) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}
