-- The keys that the sources' declarations say stand for nobody, such as 0 for guests.
{%- set values = [] %}
{%- for entity in entities() %}
{%- for key in declared(entity).unknown_keys %}{% do values.append([entity, key]) %}{% endfor %}
{%- endfor %}
{%- for entity, key in values or [['', '']] %}
select
    cast({{ sql_text(entity) }} as {{ engine_type('varchar(50)') }}) as entity,
    cast({{ sql_text(key) }} as {{ engine_type('varchar(64)') }}) as key_value
{{ 'union all' if not loop.last }}
{%- endfor %}
{{ 'where 1 = 0' if not values }}
