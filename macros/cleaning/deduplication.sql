{#-
    What deduplicating an entity goes by: `key`; `moment`, the key by which deliveries replace one another; `columns` of silver, and those that it does not show (`hidden`);
    `content`, what makes two rows of a key say the same; whether `all_lines` of the newest delivery count, and are `numbered`;
    whether keys that the newest file lacks are gone (`full`). Of a history it is history_columns().
-#}
{% macro deduplication(entity) -%}
    {%- if entity in histories() -%}{{ return(history_columns(entity.removesuffix('_history'))) }}{%- endif -%}
    {%- set contract = staging_contract(entity) -%}
    {%- set names = contract.columns | map(attribute='name') | reject('equalto', 'source_currency') | list -%}
    {%- if 'amount' in names -%}{%- do names.extend(['source_amount', 'source_currency']) -%}{%- endif -%}
    {%- set content = names | reject('in', contract.key) | list -%}
    {%- for name in read_or_null(contract) -%}{%- do content.append('unreadable_' ~ name) -%}{%- endfor -%}
    {%- do content.extend(contract.carried) -%}
    {%- set hidden = ['_row_number'] + (['moment_fraction'] if contract.lines == 'always' else []) -%}
    {%- for name in read_or_null(contract) -%}{%- do hidden.append('unreadable_' ~ name) -%}{%- endfor -%}
    {%- do hidden.extend(contract.carried) -%}
    {{ return({
        'key': contract.key,
        'moment': contract.key + (['moment_fraction'] if contract.lines == 'always' else []),
        'columns': names + ['_as_of', '_source_file', '_batch_id'],
        'hidden': hidden,
        'content': content,
        'all_lines': contract.lines == 'always' or (contract.lines == 'declared' and declared(entity).rows == 'lines'),
        'numbered': contract.lines is not none,
        'full': declared(entity).load == 'full',
    }) }}
{%- endmacro %}
