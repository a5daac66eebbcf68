{#-
    numerator / denominator as decimal(18, scale), rounded half away from zero; null when the denominator is 0.
    `numerator_scale` is the number of decimals that the numerator has at most. Done in whole numbers, because engines
    differ in how they divide decimals: n/d rounded at the last digit is (2n + d) / 2d, cut to a whole number. All of them
    are bigint, because T-SQL counts rows in int, which a multiple of them overflows.
    Example: divide('sum(amount)', 'count(*)', scale=2, numerator_scale=2)
-#}
{% macro divide(numerator, denominator, scale, numerator_scale=0) -%}
    {%- set units -%} cast(({{ numerator }}) * cast({{ 10 ** scale }} as bigint) as bigint) {%- endset -%}
    {%- set divisor -%} nullif(cast({{ denominator }} as bigint), 0) {%- endset -%}
    {%- if numerator_scale > scale -%}
        {{ exceptions.raise_compiler_error('divide: the numerator has more decimals than the result') }}
    {%- endif -%}
    cast(
        sign({{ units }}) * {{ whole_quotient('2 * abs(' ~ units ~ ') + ' ~ divisor, '2 * ' ~ divisor) }}
        * {{ '%.*f' % (scale, 10 ** -scale) }} as decimal(18, {{ scale }})
    )
{%- endmacro %}
