{#-
    The select of a silver model: of the good staged rows of an entity, those that count. By key, the newest delivery (a file
    or an API pull) wins: the one that has the greatest row by `_as_of`, batch, place of the file in its batch and place in the
    file. Where a row is a line of an order, all different rows of the key in that delivery count and are numbered
    (`line_number`); elsewhere only that newest row. What silver lacks, superseded_rows counts.
    Incrementally it gives all rows of the keys that changed, those that do not count too: they have a `fate`.
    Example: deduplicate_staged('customers')
-#}
{% macro deduplicate_staged(entity) -%}
    {%- set by = deduplication(entity) -%}
    {{ return(rejudged_rows(entity, by) if is_incremental() else adapter.dispatch('deduplicate_staged')(entity, by)) }}
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


{#- Silver's columns, with the number of the line behind the key, then those that it does not show. -#}
{% macro silver_columns(by, line_number) -%}
    {%- set names = by.key | list -%}
    {%- if by.numbered -%}
        {%- do names.append('cast(' ~ line_number ~ ' as ' ~ engine_type('integer') ~ ') as line_number') -%}
    {%- endif -%}
    {{ return((names + (by.columns | reject('in', by.key) | list) + by.hidden) | join(', ')) }}
{%- endmacro %}


{#-
    The select of all rows of the keys that changed: silver's columns, those that it does not show, `fate` and `row_count`, and
    by key whether silver knew it (`key_was_there`) and how many rows of it counted (`rows_before`). Of rows that do not count and
    say the same there is the newest, with their number.
-#}
{% macro rejudged_rows(entity, by) -%}
with {{ judged_rows(entity, by) }},

{{ gathered_rows(by) }}

select
    {{ silver_columns(by, 'line_number') }},
    fate,
    rows_that_say_so as row_count,
    key_was_there,
    rows_before
from gathered
where fate is null or newest_that_says_so = 1
{%- endmacro %}
