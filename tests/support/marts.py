"""A small warehouse with just what the answers and the search for customers read."""

from pathlib import Path

import duckdb

from warehouse.answers import ask
from warehouse.customers import CUSTOMER_COLUMNS, PERSON_COLUMNS

NO_ANSWERS = ask(lambda sql: [], marts="marts")

_MARTS = """
create schema silver;
create schema marts;
create table silver.row_reconciliation as from (values
    ('customers', 1005, 2, 3, 1000), ('stores', 0, 0, 0, 0)
) as t (entity, bronze_rows, rejected_rows, superseded_rows, silver_rows);
create table marts.data_notes as from (values
    ('unlisted status', 'online_transactions', 3, 100.00, '1 value: Wait & see'),
    ('unknown customers', 'online_transactions', 2, 5000.00, 'Counted.'),
    ('unknown agents', 'customer_service_interactions', 9, null, 'Counted.'),
    ('rejected rows', 'customers', 2, null, 'invalid_key'),
    ('superseded rows', 'customers', 2, null, 'newer'),
    ('superseded rows', 'customers', 1, null, 'gone'),
    ('absent entity', 'stores', 0, null, 'No row of it has arrived.')
) as t (note, entity, "rows", amount, detail);
create table marts.average_order_value as from (values
    ('all', 'all', 'all', 3, 6000.00, 2000.00),
    ('channel', 'online', 'online', 2, 5000.00, 2500.00),
    ('channel', 'in_store', 'in_store', 1, 1000.00, 1000.00),
    ('category', 'Toys [new]', 'online', 2, 5000.00, 2500.00)
) as t (dimension, member, channel, total_orders, total_amount, average_order_value);
create table marts.purchases as from (values
    (timestamp '2026-02-01 10:00:00', 'online', 1, 4000.00, 1, 1),
    (timestamp '2026-02-02 10:00:00', 'online', 2, 1500.00, 0, 1),
    (timestamp '2026-02-02 10:00:00', 'online', 2, -500.00, 0, 1),
    (timestamp '2026-01-02 10:00:00', 'in_store', 1, 1000.00, 1, 1),
    (timestamp '1970-01-01 00:00:00', 'in_store', 2, 1.00, 1, 0)
) as t (purchased_at, channel, reference_id, amount, has_one_line, time_is_plausible);
create table marts.customer_segments as from (values
    (10000, 5000.00, 2, 'Gold', 'High-Value Customer'),
    (20000, 0.00, 0, null, 'No Purchases'),
    (30000, 0.00, 0, 'Gold', 'No Purchases')
) as t (customer_id, total_spend, purchase_frequency, tier_level, segment);
create table marts.peak_transaction_times as from (values
    ('online', 'Friday', 5, 9, 7, 7.00, 0.25, 1), ('online', 'Monday', 1, 8, 7, 7.00, 0.25, 1),
    ('online', 'Sunday', 7, 1, 1, 7.00, 0.01, 2)
) as t (
    channel, day_of_week, day_of_week_number, hour_of_day, total_transactions, total_amount,
    transaction_share, peak_rank
);
create table marts.agent_performance (
    agent_id bigint, agent_name text, department text, shift text, total_interactions int,
    resolved_interactions int, resolution_rate decimal(5, 2)
);
create table marts.service_by_issue_type (
    issue_type text, total_interactions int, resolved_interactions int,
    resolution_rate decimal(5, 2)
);
create table marts.possible_duplicates as from (values
    (1, 10000, 20000, 0.875, 'same e-mail', 'Ann', 'Bo [b]', 'Ann@example.org', 'two@example.org',
     'A', 'B', 5000.00),
    (2, 10000, 30000, 0.5, 'same address', 'Ann', 'Cy', 'Ann@example.org', 'two@example.org',
     'A', 'C', 5000.00)
) as t (
    pair_rank, customer_id, other_customer_id, probability, reasons, customer_name,
    other_customer_name, email, other_email, address, other_address, total_spend
);
create table people as from (values
    (10000, 'Ann', 'Ann@example.org', 5000.00, 2, 'P10000'),
    (20000, 'Bo [b]', 'two@example.org', 0.00, 0, 'P20000'),
    (30000, 'Cy', 'two@example.org', 0.00, 0, 'P10000')
) as t (customer_id, customer_name, email, total_spend, total_orders, person_id);
create table marts.customer_timeline as from (values
    (10000, timestamp '2026-01-02 03:04:05', 'online order', 'Returned', 77, 12.50, 'Pen'),
    (10000, timestamp '2026-01-03 03:04:05', 'service contact', 'Resolved', 78, null, 'Delivery')
) as t (customer_id, occurred_at, touchpoint, event, reference_id, amount, detail);
"""


def make_marts(warehouse: Path) -> None:
    """Make the warehouse of a small shop."""
    with duckdb.connect(warehouse) as connection:
        connection.execute(_MARTS)
        make_customers(connection, "people")


def make_customers(connection: duckdb.DuckDBPyConnection, people: str) -> None:
    """Make customer_360 and person_360 of a relation that has some columns; the others are null.

    Without a person_id everybody is a person of their own.
    """
    has = {name for name, *_ in connection.execute(f"describe {people}").fetchall()}
    filled = {"person_id": "'P' || customer_id"} | {name: name for name in has}
    filled["person_customer_ids"] = (
        f"string_agg(customer_id, ', ' order by customer_id) "
        f"over (partition by {filled['person_id']})"
    )
    columns = [f"{filled.get(name, 'null')} as {name}" for name in CUSTOMER_COLUMNS]
    connection.execute(
        f"create view marts.customer_360 as select {', '.join(columns)} from {people}"
    )
    together = {"person_id": "person_id", "customer_records": "count(*)"} | {
        name: f"sum({name})" for name in ("total_orders", "total_spend") if name in has
    }
    columns = [f"{together.get(name, f'any_value({name})')} as {name}" for name in PERSON_COLUMNS]
    connection.execute(
        f"create view marts.person_360 as select {', '.join(columns)} from marts.customer_360 "
        "group by person_id"
    )
