"""Exports of common shops, as the presets declare them: what a run publishes of them."""

from pathlib import Path

import duckdb
import pytest

from ingest.batches import retract
from ingest.suggestions import PRESETS
from lake.local import LocalLake
from lake.manifest import committed_batches
from tests.support.steps import Driver
from tests.unit import test_presets as exports

# By preset: files, and by channel orders, total and average; then the amount of unknown customers.
PUBLISHED: dict[str, tuple[dict[str, str], list[str], str]] = {
    "shopify": (
        {
            "orders_export_1.csv": exports.SHOPIFY_ORDERS,
            "customers_export.csv": exports.SHOPIFY_CUSTOMERS,
            "products_export_1.csv": exports.SHOPIFY_PRODUCTS,
        },
        # 2 x 10.00 + 27.50 of two lines, and 10.00; what was refunded or cancelled does not count.
        ["online 2 57.50 28.75"],
        "10.00",
    ),
    "woocommerce": (
        {"orders-export-2024-05.csv": exports.WOOCOMMERCE_ORDERS},
        ["online 2 53.00 26.50"],  # 18.00 + 20.00 of two lines, and 15.00
        "53.00",  # there are no customers beside the orders
    ),
    "square": (
        {"transactions-2024-05-31-2024-06-02.csv": exports.SQUARE_TRANSACTIONS},
        ["in_store 3 1239.50 413.17"],  # 1,234.50 + 2.00 - 2.00 + 5.00; a refund is no purchase
        "1239.50",
    ),
    "uci_online_retail": (
        {"Online Retail.csv": exports.UCI_LINES},
        ["online 2 98.14 49.07"],  # 15.30 + 20.34 of two lines, 90.00, and a discount of 27.50
        "98.14",
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for one after another: dbt reads the project once."""
    return tmp_path_factory.mktemp("presets") / "home"


@pytest.mark.parametrize("preset", PUBLISHED)
def test_the_sums_are_those_of_the_shop(
    driver: Driver, home: Path, tmp_path: Path, preset: str
) -> None:
    files, channels, unknown = PUBLISHED[preset]
    if (home / "lake").exists():
        lake = LocalLake(home / "lake")
        for batch in committed_batches(lake):  # of the preset before
            retract(lake, batch)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    run = driver.run(
        *("--input", tmp_path, "--home", home),
        environment={"C360_SOURCES": str(PRESETS / f"{preset}.yml")},
    )
    assert run.returncode == 0, run.errors
    with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
        found = connection.execute(
            "select member, total_orders, total_amount, average_order_value "
            "from marts.average_order_value where dimension = 'channel'"
        ).fetchall()
        unreadable = connection.execute("from silver.unreadable_values").fetchall()
        (nobodys,) = connection.execute(
            "select sum(amount) from marts.data_notes where note = 'unknown customers'"
        ).fetchone() or (None,)
    assert [" ".join(map(str, row)) for row in found] == channels
    assert unreadable == []
    assert str(nobodys) == unknown
