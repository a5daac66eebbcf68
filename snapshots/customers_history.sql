{% snapshot customers_history %}
{{
    config(
        unique_key='customer_id',
        strategy='check',
        check_cols=['customer_name', 'email', 'address'],
        indexes=[{'columns': ['customer_id']}],
        pre_hook="{{ fit_history(ref('customers')) }}",
        post_hook='{{ note_increment() }}'
    )
}}
select * from {{ rows_to_watch(ref('customers')) }} -- noqa: AM04
{% endsnapshot %}
