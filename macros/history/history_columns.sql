{#-
    What the history of an entity goes by, as deduplication() has it of the entity: `key`, `columns`, and `attributes`, what a
    period has the same values of. Example: history_columns('customers')
-#}
{% macro history_columns(entity) -%}
    {%- set contract = staging_contract(entity) -%}
    {%- set names = contract.columns | map(attribute='name') | list -%}
    {{ return({
        'key': contract.key,
        'attributes': names | reject('in', contract.key) | list,
        'columns': contract.key + ['valid_from', 'valid_to', 'is_current'] + (names | reject('in', contract.key) | list)
            + ['_source_file', '_batch_id'],
        'hidden': [],
        'numbered': false,
        'full': declared(entity).load == 'full',
    }) }}
{%- endmacro %}


{#- The models that are histories; each is named after its entity. -#}
{% macro histories() -%}
    {{ return(['customers_history', 'loyalty_accounts_history']) }}
{%- endmacro %}


{#- The relations of silver whose versions replace all rows of the keys that they change. -#}
{% macro relations_by_key() -%}
    {{ return(entities() + histories()) }}
{%- endmacro %}
