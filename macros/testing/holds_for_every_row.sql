{#-
    Generic test: no column of `not_null` is null, those of `ranges` are null or from the first to the last value, and no
    `key`, if one is given, is null or occurs twice. One scan for all of them: what is tested may be a view over every event.
    Example: holds_for_every_row: {arguments: {not_null: [channel], ranges: {resolution_rate: [0, 100]}}}
-#}
{% test holds_for_every_row(model, not_null=[], ranges={}, key=[]) %}
{%- set breaches = [] -%}
{%- for column in key + not_null -%}{%- do breaches.append(column ~ ' is null') -%}{%- endfor -%}
{%- for column, (first, last) in ranges.items() -%}
    {%- do breaches.append(column ~ ' < ' ~ first ~ ' or ' ~ column ~ ' > ' ~ last) -%}
{%- endfor -%}
{%- if key %}
select
    {{ key | join(',\n    ') }},
    count(*) as occurrences
from {{ model }}
group by {{ key | join(', ') }}
having
    count(*) > 1
    or max(case when {{ breaches | join('\n        or ') }} then 1 else 0 end) = 1
{%- else %}
select
    {{ (not_null + ranges | list) | unique | join(',\n    ') }}
from {{ model }}
where
    {{ breaches | join('\n    or ') }}
{%- endif %}
{% endtest %}
