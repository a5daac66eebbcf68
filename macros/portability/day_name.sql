{#- English name of a weekday by its number, Monday is 1. Example: day_name('day_of_week_number') -#}
{% macro day_name(number) -%}
    {{ return(english_name(number, [
        'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday',
    ])) }}
{%- endmacro %}
