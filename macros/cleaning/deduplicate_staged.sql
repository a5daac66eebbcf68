{#-
    The select of a silver model: of the good staged rows of an entity, those that count. By key, the newest delivery (a file
    or an API pull) wins: the one that has the greatest row by `_as_of`, batch, place of the file in its batch and place in the
    file. Where a row is a line of an order, all different rows of the key in that delivery count and are numbered
    (`line_number`); elsewhere only that newest row. What silver lacks, superseded_rows counts.
    Example: deduplicate_staged('customers')
-#}
{% macro deduplicate_staged(entity) -%}
    {{ return(adapter.dispatch('deduplicate_staged')(entity, deduplication(entity))) }}
{%- endmacro %}


{% macro default__deduplicate_staged(entity, by) -%}
with {{ judged_rows(entity, by) }}

select {{ silver_columns(by, 'line_number') }}
from numbered
where counts = 1
{%- endmacro %}


{#- Few keys occur twice: counting them all costs less than sorting them all. -#}
{% macro duckdb__deduplicate_staged(entity, by) -%}
with {{ judged_rows(entity, by, repeated_only=true) }}

select {{ silver_columns(by, '1') }}
from accepted
anti join repeated using ({{ by.key | join(', ') }})
{%- if by.full %}
semi join newest_keys using ({{ by.moment | join(', ') }})
{%- endif %}
union all
select {{ silver_columns(by, 'line_number') }}
from numbered
where counts = 1
{%- endmacro %}


{#- Silver's columns, with the number of the line behind the key. -#}
{% macro silver_columns(by, line_number) -%}
    {%- set names = by.key | list -%}
    {%- if by.numbered -%}
        {%- do names.append('cast(' ~ line_number ~ ' as ' ~ engine_type('integer') ~ ') as line_number') -%}
    {%- endif -%}
    {{ return((names + (by.columns | reject('in', by.key) | list)) | join(', ')) }}
{%- endmacro %}
