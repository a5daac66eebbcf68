{#- A name, and how many more there are: and_more('product_name', '2') is `Desk and 2 more`, of null just `Desk`. -#}
{% macro and_more(name, more) -%}
    case
        when {{ more }} > 0 then concat({{ name }}, ' and ', cast({{ more }} as {{ engine_type('varchar(20)') }}), ' more')
        else {{ name }}
    end
{%- endmacro %}
