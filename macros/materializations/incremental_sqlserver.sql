{#-
    `incremental` on Azure SQL, where a run builds beside what is published: a view by the model's name that shows what will
    be published. It reads the published table without the rows that give way (the table <model>__gone has their keys), and
    with those that the model gives (<model>__delta); publish_gold makes that of the published table itself. Strategies are
    those of macros/incremental. Where a model can take in nothing (increment()), it is a table, built whole.
-#}
{% materialization incremental, adapter='sqlserver' %}
    {%- if not is_incremental() -%}{{ return(dbt.materialization_table_sqlserver()) }}{%- endif -%}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set published = published_relation() -%}
    {%- set delta, gone = sqlserver_part(model, 'delta'), sqlserver_part(model, 'gone') -%}
    {%- set names = quoted_list(model.columns) -%}
    {%- set shown = 'select ' ~ names ~ ' from ' ~ published ~ ' as there' -%}
    {%- set by_customer = config.get('incremental_strategy') == 'by_customer' -%}
    {%- set key = ['customer_id'] if by_customer else primary_key_of(model) -%}

    {{ run_hooks(pre_hooks) }}

    {#- Customers are found before their totals, which are computed of them; other rows after those that replace them. -#}
    {%- if by_customer -%}
        {%- do run_query(
            'select customer_id into ' ~ gone ~ ' from (' ~ default__touched_customers(increment().since) ~ ') as touched'
        ) -%}
    {%- endif -%}
    {%- if increment().unchanged -%}
        {%- call noop_statement('main', 'NOTHING NEW') -%}{%- endcall -%}
    {%- else -%}
        {%- call statement('main') -%}
            create table {{ delta }} {{ sqlserver_columns(model) }};
            {{ sqlserver_as_cte(sql, 'given') }}
            insert into {{ delta }} ({{ names }}) select {{ names }} from given;
        {%- endcall -%}
        {%- if not by_customer -%}
            {%- set changed = '(' ~ changed_keys(entity_of(model), increment().since[entity_of(model)]) ~ ')' -%}
            {%- do run_query(
                'select * into ' ~ gone ~ ' from (' ~ rows_before(published, delta, changed) ~ ') as gone; '
                ~ note_changes(gone, delta)
            ) -%}
        {%- endif -%}
        {%- set shown -%}
            {{ shown }}
            where not exists (select 1 from {{ gone }} as gone where {{ same_key(key, 'gone', 'there') }})
            union all
            select {{ names }} from {{ delta }}
        {%- endset -%}
    {%- endif -%}
    {%- do run_query('create view ' ~ target_relation.include(database=false) ~ ' as ' ~ shown) -%}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}
