{#-
    The incremental strategy of dimensions and facts: all rows of a key that changed in silver give way to those that the model
    gives for it now, of which there may be none; other rows that it gives take the place of their own. What that changes for
    the models made from it is written down (staging.changes).
-#}
{% macro get_incremental_by_key_sql(arguments) -%}
    {%- set target, given = arguments.target_relation, arguments.temp_relation -%}
    {%- set names = quoted_list(arguments.dest_columns | map(attribute='name')) -%}
    {%- set entity = entity_of(model) -%}
    {%- set changed = quoted(model.name ~ '__changed') -%}
    {%- set before = quoted(model.name ~ '__before') -%}
    {#- Two conditions in one would have DuckDB look at every row for each. -#}
    create or replace temp table {{ changed }} as {{ changed_keys(entity, increment().since[entity]) }};
    create or replace temp table {{ before }} as {{ rows_before(target, given, changed) }};
    {{ note_changes(before, given) }}
    delete from {{ target }} as facts
    where exists (select 1 from {{ before }} as given where {{ same_key(primary_key_of(model), 'given', 'facts') }});
    insert into {{ target }} ({{ names }}) select {{ names }} from {{ given }};
    drop table {{ changed }};
    drop table {{ before }};
{%- endmacro %}


{#-
    The select of the rows of a relation that give way to those that its model gives now: those of `changed` keys of its entity,
    and others with the primary key of a row that it gives. Of them it has the primary key and what note_changes() looks at.
-#}
{% macro rows_before(relation, given, changed) -%}
    {%- set key = primary_key_of(model) -%}
    {%- set changed_key = staging_contract(entity_of(model)).key -%}
    {%- set columns = (
        key + model.config.meta.get('watched', []) + model.columns | select('in', ['customer_id', 'loyalty_id']) | list
    ) | unique | join(', ') -%}
    select {{ columns }} from {{ relation }} as facts
    where exists (select 1 from {{ changed }} as changed where {{ same_stored_key(changed_key, dimensions_of(model)) }})
    union
    select {{ columns }} from {{ relation }} as facts
    where exists (select 1 from {{ given }} as given where {{ same_key(key, 'given', 'facts') }})
{%- endmacro %}


{#- Writes down what the models behind it have to know, where the rows `before` give way to those that are `given` now. -#}
{% macro note_changes(before, given) -%}
    {%- set text = engine_type('varchar(255)') -%}
    {%- set version = sql_text(silver_version()) -%}
    {%- if not model.name.startswith('fct_') %}
    {%- set key = primary_key_of(model) | first %}
    insert into {{ changes_relation() }}
    select
        {{ sql_text(model.name) }},
        cast(coalesce(was.{{ key }}, given.{{ key }}) as {{ text }}),
        case when was.{{ key }} is null then 'new' when given.{{ key }} is null then 'gone' else 'changed' end,
        {{ version }}
    from {{ before }} as was
    full join {{ given }} as given on was.{{ key }} = given.{{ key }}
    where
        was.{{ key }} is null
        or given.{{ key }} is null
        {%- for column in model.config.meta.get('watched', []) %}
        or case
            when was.{{ column }} = given.{{ column }} or coalesce(was.{{ column }}, given.{{ column }}) is null then 0 else 1
        end = 1
        {%- endfor %};
    {%- endif %}
    {%- set customers = customers_of_rows() %}
    {%- if customers %}
    insert into {{ changes_relation() }}
    select {{ sql_text(model.name) }}, cast(customer_id as {{ text }}), 'customer', {{ version }}
    from (
        {{ customers | replace('{rows}', before | string) }}
        union
        {{ customers | replace('{rows}', given | string) }}
    ) as touched
    where customer_id is not null;
    {%- endif %}
{%- endmacro %}


{#- The columns of the primary key that a model's contract declares. -#}
{% macro primary_key_of(node) -%}
    {{ return((node.constraints | selectattr('type', 'equalto', 'primary_key') | first).columns) }}
{%- endmacro %}


{#- The entity of silver that a dimension or fact is made from. -#}
{% macro entity_of(node) -%}
    {%- for entity in entities() if 'model.' ~ project_name ~ '.' ~ entity in node.depends_on.nodes -%}
        {{ return(entity) }}
    {%- endfor -%}
{%- endmacro %}


{#- The select of the customers of some rows ({rows}) of the model; none where it has to do with no customer's totals. -#}
{% macro customers_of_rows() -%}
    {%- if model.name == 'dim_customers' -%}{{ return(none) }}{%- endif -%}
    {%- if 'customer_id' in model.columns -%}{{ return('select customer_id from {rows}') }}{%- endif -%}
    {%- if 'loyalty_id' in model.columns -%}
        {{ return('select customer_id from ' ~ ref('dim_loyalty_accounts') ~ ' where loyalty_id in (select loyalty_id from {rows})') }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}


{#- Post-hook of an incremental model: writes down what it was built from, and forgets what all others know of its changes. -#}
{% macro note_increment() -%}
    {%- if execute and model.config.materialized == 'incremental' -%}
        {{ return(adapter.dispatch('note_increment')()) }}
    {%- endif -%}
{%- endmacro %}


{% macro default__note_increment() -%}{%- endmacro %}


{% macro duckdb__note_increment() -%}
    {%- set state = state_of_increment() -%}
    {%- do note_built(model.name, state) -%}
    {%- set known = [state.version] -%}
    {%- for other in graph.c360_built.copy().values() if model.name in other.inputs -%}
        {%- do known.append(other.inputs[model.name].version) -%}
    {%- endfor -%}
    {%- do run_query(
        'delete from staging.changes where relation = ' ~ sql_text(model.name)
        ~ (' and version <= ' ~ sql_text(known | min) if increment() else '')
    ) -%}
{%- endmacro %}


{#- What the model that was built just now is built from. -#}
{% macro state_of_increment() -%}
    {%- set increment = increment() -%}
    {%- set before = built(model.name) -%}
    {%- set version = before.version if increment and increment.unchanged else silver_version() -%}
    {{ return({
        'code': project_code('gold'),
        'epoch': before.epoch if increment else version,
        'version': version,
        'inputs': inputs_now(),
        'deletions_since': '',
        'since': increment.since if increment else none,
    }) }}
{%- endmacro %}
