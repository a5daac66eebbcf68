{#-
    The incremental strategy of dimensions and facts: all rows of a key that changed in silver give way to those that the model
    gives for it now, of which there may be none; other rows that it gives take the place of their own. What that changes for
    the models made from it is written down (staging.changes).
-#}
{% macro get_incremental_by_key_sql(arguments) -%}
    {%- set target, given = arguments.target_relation, arguments.temp_relation -%}
    {%- set names = quoted_list(arguments.dest_columns | map(attribute='name')) -%}
    {%- set entity = entity_of(model) -%}
    {%- set key = staging_contract(entity).key -%}
    {%- set dimensions = dimensions_of(model) -%}
    {%- set primary_key = (model.constraints | selectattr('type', 'equalto', 'primary_key') | first).columns -%}
    {%- set changed = quoted(model.name ~ '__changed') -%}
    {%- set before = quoted(model.name ~ '__before') -%}
    {%- set version = sql_text(silver_version()) -%}
    {#- Two conditions in one would have DuckDB look at every row for each. -#}
    create or replace temp table {{ changed }} as {{ changed_keys(entity, increment().since[entity]) }};
    create or replace temp table {{ before }} as
    select * from {{ target }} as facts
    where exists (select 1 from {{ changed }} as changed where {{ same_stored_key(key, dimensions) }})
    union
    select * from {{ target }} as facts
    where exists (select 1 from {{ given }} as given where {{ same_key(primary_key, 'given', 'facts') }});
    {%- if not model.name.startswith('fct_') %}
    {%- set watched = model.config.meta.get('watched', []) %}
    insert into staging.changes
    select
        {{ sql_text(model.name) }},
        cast(coalesce(was.{{ key[0] }}, now.{{ key[0] }}) as varchar),
        case when was.{{ key[0] }} is null then 'new' when now.{{ key[0] }} is null then 'gone' else 'changed' end,
        {{ version }}
    from {{ before }} as was
    full join {{ given }} as now on was.{{ key[0] }} = now.{{ key[0] }}
    where
        was.{{ key[0] }} is null
        or now.{{ key[0] }} is null
        {%- for column in watched %}
        or was.{{ column }} is distinct from now.{{ column }}
        {%- endfor %};
    {%- endif %}
    {%- set customers = customers_of_rows() %}
    {%- if customers %}
    insert into staging.changes
    select {{ sql_text(model.name) }}, cast(customer_id as varchar), 'customer', {{ version }}
    from (
        {{ customers | replace('{rows}', before) }}
        union
        {{ customers | replace('{rows}', given | string) }}
    )
    where customer_id is not null;
    {%- endif %}
    delete from {{ target }} as facts
    where exists (select 1 from {{ before }} as given where {{ same_key(primary_key, 'given', 'facts') }});
    insert into {{ target }} ({{ names }}) select {{ names }} from {{ given }};
    drop table {{ changed }};
    drop table {{ before }};
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


{#- Post-hook of an incremental model or of a snapshot: writes down what it was built from, and forgets what all others know of its changes. -#}
{% macro note_increment() -%}
    {%- if execute and model.config.materialized in ['incremental', 'snapshot'] -%}
        {{ return(adapter.dispatch('note_increment')()) }}
    {%- endif -%}
{%- endmacro %}


{% macro default__note_increment() -%}{%- endmacro %}


{% macro duckdb__note_increment() -%}
    {%- set increment = increment() -%}
    {%- set state = built(model.name) -%}
    {%- set version = state.version if increment and increment.unchanged else silver_version() -%}
    {%- do note_built(model.name, {
        'code': project_code('gold'),
        'epoch': state.epoch if increment else version,
        'version': version,
        'inputs': inputs_now(),
        'deletions_since': '',
        'since': increment.since if increment else none,
    }) -%}
    {%- set known = [version] -%}
    {%- for other in graph.c360_built.copy().values() if model.name in other.inputs -%}
        {%- do known.append(other.inputs[model.name].version) -%}
    {%- endfor -%}
    {%- do run_query(
        'delete from staging.changes where relation = ' ~ sql_text(model.name)
        ~ (' and version <= ' ~ sql_text(known | min) if increment else '')
    ) -%}
{%- endmacro %}
