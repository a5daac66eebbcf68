{#-
    Operation: drops external tables of silver, by their names. Those of parts that were shown before stay for readers otherwise,
    and keep their folders; of somebody who is forgotten nothing may stay.
-#}
{% macro drop_external_tables(schema, names) -%}
    {%- for name in names -%}
        {%- do run_query('drop external table ' ~ quoted(schema) ~ '.' ~ quoted(name)) -%}
    {%- endfor -%}
{%- endmacro %}
