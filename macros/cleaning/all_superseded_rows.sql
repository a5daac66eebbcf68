{#- The select of the rows that do not count, in a build of everything: as rejudged_rows has them. -#}
{% macro all_superseded_rows(entity) -%}
{%- set by = deduplication(entity) -%}
with {{ judged_rows(entity, by) }},

{{ gathered_rows(by) }}

select
    {{ (by.columns + by.hidden) | join(', ') }},
    fate,
    rows_that_say_so as row_count
from gathered
where fate is not null and newest_that_says_so = 1
{%- endmacro %}
