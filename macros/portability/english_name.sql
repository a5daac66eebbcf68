{#- English name of a month or weekday by its number; names from the engine would follow its language setting. -#}
{% macro english_name(number, names) -%}
    case {{ number }}
        {%- for name in names %} when {{ loop.index }} then {{ collated("'" ~ name ~ "'") }}{% endfor %}
    end
{%- endmacro %}
