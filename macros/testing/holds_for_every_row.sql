{#-
    Generic test: no column of `not_null` is null, and those of `ranges` are null or from the first to the last value.
    One scan for all of them: what is tested may be a view over every event.
    Example: holds_for_every_row: {arguments: {not_null: [channel], ranges: {resolution_rate: [0, 100]}}}
-#}
{% test holds_for_every_row(model, not_null=[], ranges={}) %}
{%- set breaches = [] -%}
{%- for column in not_null -%}{%- do breaches.append(column ~ ' is null') -%}{%- endfor -%}
{%- for column, (first, last) in ranges.items() -%}
    {%- do breaches.append(column ~ ' < ' ~ first ~ ' or ' ~ column ~ ' > ' ~ last) -%}
{%- endfor -%}
select
    {{ (not_null + ranges | list) | unique | join(',\n    ') }}
from {{ model }}
where
    {{ breaches | join('\n    or ') }}
{% endtest %}
