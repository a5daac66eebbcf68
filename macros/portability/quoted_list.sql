{#- Quoted identifiers with commas between. Example: quoted_list(['a', 'b']) is "a", "b". -#}
{% macro quoted_list(names) -%}
    {%- set identifiers = [] -%}
    {%- for name in names %}{% do identifiers.append(quoted(name)) %}{% endfor -%}
    {{ return(identifiers | join(', ')) }}
{%- endmacro %}
