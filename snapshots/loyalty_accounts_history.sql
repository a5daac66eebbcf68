{% snapshot loyalty_accounts_history %}
{{
    config(
        unique_key='loyalty_id',
        strategy='check',
        check_cols=['customer_id', 'points_earned', 'tier_level', 'join_date'],
        indexes=[{'columns': ['loyalty_id']}],
        pre_hook="{{ fit_history(ref('loyalty_accounts')) }}",
        post_hook='{{ note_increment() }}'
    )
}}
select * from {{ rows_to_watch(ref('loyalty_accounts')) }} -- noqa: AM04
{% endsnapshot %}
