{#-
    A type as the engine-neutral contract has it. `key(<entity>, …)`, the type of a column that holds keys of these
    entities, is varchar(64) when any of them is declared to have text for keys (`keys: text`), else bigint; all other
    types are as they stand. Example: contract_type('key(customers)') is bigint.
-#}
{% macro contract_type(data_type) -%}
    {%- if not data_type.startswith('key(') -%}{{ return(data_type) }}{%- endif -%}
    {%- set text = text_keys() -%}
    {%- set of_text = data_type[4:-1].split(', ') | select('in', text) | list -%}
    {{ return('varchar(64)' if of_text else 'bigint') }}
{%- endmacro %}
