{#- English name of a month by its number, 1 to 12. Example: month_name('month(ordered_at)') -#}
{% macro month_name(number) -%}
    {{ return(english_name(number, [
        'January', 'February', 'March', 'April', 'May', 'June',
        'July', 'August', 'September', 'October', 'November', 'December',
    ])) }}
{%- endmacro %}
