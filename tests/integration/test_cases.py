"""Troubles that people had with real retail data, each small: what comes of it, in a real run.

The rows of a case have numbers that begin with the case's own, so that many share one home. Only
what needs a declaration, or a delivery after another, has a run of its own.
"""

import gzip
import shutil
import zipfile
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support import state
from tests.support.steps import PROJECT, Driver, Outcome

CUSTOMERS = "CustomerID,Name,Email,Address"
PRODUCTS = "ProductID,Name,Category,Price"
STORES = "StoreID,Location,Manager,OpenHours\n5,North,Mia,9-17\n"
ORDERS = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status"
VISITS = "TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod"
ACCOUNTS = "LoyaltyID,CustomerID,PointsEarned,TierLevel,JoinDate"
MOVEMENTS = "LoyaltyID,DateTime,PointsChange,Reason"
DAY = "2024-05-01 10:00:00"

Files = dict[str, str | bytes]
Ask = Callable[[str], list[tuple[Any, ...]]]


def lines(*rows: str) -> str:
    return "".join(f"{row}\n" for row in rows)


def order(
    number: int | str,
    *,
    customer: object = 1,
    product: object = 10,
    when: str = DAY,
    amount: str = "10.00",
    status: str = "Completed",
) -> str:
    return f'{number},{customer},{product},"{when}",Credit Card,"{amount}",{status}'


def product(number: int, category: str, price: str = "10.00") -> str:
    return f"{number},Product {number},{category},{price}"


def send(folder: Path, files: Files) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


class Shop:
    """One home, what it was sent, and what is published there."""

    def __init__(self, driver: Driver, folder: Path, declared: str = "", **environment: str):
        self.home = folder / "home"
        self._driver, self._folder = driver, folder
        self._environment = environment
        folder.mkdir(exist_ok=True)
        if declared:
            self.declare(declared)

    def declare(self, text: str) -> None:
        sources = self._folder / "sources.yml"
        sources.write_text(text)
        self._environment["C360_SOURCES"] = str(sources)

    def sent(self, files: Files) -> Outcome:
        folder = send(self._folder / "in", files)
        return self._driver.run(
            *("--input", folder, "--home", self.home), environment=self._environment
        )

    def succeeds(self, files: Files) -> str:
        """Return the log of a run that publishes."""
        run = self.sent(files)
        assert run.returncode == 0, run.errors
        return self.log()

    def fails(self, files: Files) -> str:
        """Return the line that a run ends with that publishes nothing."""
        before = state.published(self.home)
        run = self.sent(files)
        assert run.returncode == 1, run.errors
        assert state.published(self.home) == before
        return run.errors

    def log(self) -> str:
        *_, last = sorted((self.home / "logs").glob("2*.log"))
        return last.read_text()

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.home / "warehouse.duckdb", read_only=True) as connection:
            return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def parsed(driver: Driver, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the project as dbt has read it, which is the longest part of a first run."""
    home = tmp_path_factory.mktemp("parsed") / "home"
    steps = "recover,land_files,commit_batch,stage_warehouse,build_silver"
    folder = send(home.parent / "in", {"Stores.csv": STORES})
    run = driver.run("--input", folder, "--home", home, "--steps", steps)
    assert run.returncode == 0, run.errors
    return home / "dbt"


@pytest.fixture(scope="module")
def shop(
    driver: Driver, parsed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Shop]:
    """Open a shop, with what is declared of its files."""

    def opened(declared: str = "", **environment: str) -> Shop:
        new = Shop(driver, tmp_path_factory.mktemp("shop"), declared, **environment)
        if not environment:  # it is the same project
            new.home.mkdir(mode=0o700)
            shutil.copytree(parsed, new.home / "dbt")
        return new

    return opened


def columns(found: list[tuple[Any, ...]]) -> list[str]:
    return [" ".join(map(str, row)) for row in found]


# Without any declaration

AMOUNTS = {
    1: "$12.50",
    2: "1,234.50",
    3: "12,50",
    4: "(12.50)",
    5: "12.50-",
    6: "12.50 USD",
    8: "1\u00a0234,50",
    9: "\u22125.00",
    10: "1.2E+03",
    11: "12.345",
    12: "NaN",
    13: "",
    14: "-",
    15: "0.005",
    16: "1234.5",
    17: "+12.50",
    18: "12.",
    19: ".5",
    20: "'12.50",
    21: "$1,234.50",
    22: "12.50\u00a0",
    23: "-$12.50",
    25: "12.5000000000",
}
TIMES = {
    1: "01-May-24",
    2: "01-May-2024",
    3: "5/1/24",
    4: "5/1/2024 10:00",
    5: "45413",
    6: "45413.4166667",
    7: "1714557600",
    8: "1714557600000",
    9: "2024-05-01 10:00:00 UTC",
    10: "2024-05-01 10:00:00+00",
    11: "2024-05-01 10:00:00 +0000",
    12: "2024-05-01T10:00:00.000+0000",
    13: "2024-05-01 10:00:00 -05:00",
    14: "May 1, 2024 10:00 AM",
    15: "Wed, 01 May 2024 10:00:00 GMT",
    16: "20240501",
    17: "2024/05/01 10:00",
    18: "01.05.2024 10:00",
    19: "2024-05-01 10:00 AM",
    20: "2024-5-1",
    21: "2024-05-01 9:05",
    22: "2024-05-01T10:00:00[Europe/Berlin]",
    23: "2024-05-01 24:00:00",
    24: "2024-05-01t10:00:00z",
    25: "5/1/2024  10:00",
    26: "05-01-2024",
    27: "2024-05-01 10:00:00.0000000",
    28: "5/1/2024 0:00:00",
}
WORDS = ["NULL", "N/A", "None", "nan", r"\N", "-", "n/a", "#N/A", "<null>", ""]
STATUSES = [
    *("Completed", "Canceled", "canceled", "wc-cancelled", "Voided", "Declined", "Refund"),
    *("Partially Refunded", "refunded", "Return", "Test", "draft", "Chargeback"),
    *("Cancelled by customer", "Annulé"),
]
PLAIN: Files = {
    "Stores.csv": STORES,
    "OnlineTransactions_01.csv": lines(
        ORDERS,
        order(11001, amount="10.00"),
        order(11001, product=11, amount="25.00"),
        order(11001, amount="5.00"),
        order(11002, product=11, amount="25.00"),
    ),
    "Customers_2024-05-01.csv": lines(CUSTOMERS, "41,Ann Able,a@example.com,9 Old Road"),
    "Customers_2024-05-02.csv": lines(CUSTOMERS, "41,Ann Able,a@example.com,1 New Road"),
    "LoyaltyAccounts_2024-05-01.csv": lines(ACCOUNTS, "4001,41,500,Gold,2023-01-01"),
    "LoyaltyAccounts_2024-05-02.csv": lines(ACCOUNTS, "4001,41,100,Silver,2023-01-01"),
    "OnlineTransactions_2024-05-01.csv": lines(
        ORDERS,
        order(41001, customer=41, product=40, amount="100.00", status="Processing"),
        order(41002, customer=41, product=40, amount="25.00", status="Processing"),
    ),
    "OnlineTransactions_2024-05-02.csv": lines(
        ORDERS,
        order(41001, customer=41, product=40, amount="100.00", status="Cancelled"),
        order(41002, customer=41, product=40, amount="25.00", status="Delivered"),
    ),
    "Products_2024-05-01.csv": lines(PRODUCTS, product(40, "Case 4", "12.00")),
    "Products_2024-05-02.csv": lines(PRODUCTS, product(40, "Case 4", "10.00")),
    "OnlineTransactions_08.csv": lines(
        ORDERS,
        *(order(81000 + n, amount="100.00", status=each) for n, each in enumerate(STATUSES)),
    ),
    "OnlineTransactions_09.csv": lines(
        ORDERS, order(91001, when="2024-05-01 10:00:00 +0200", status="paid")
    ),
    "Customers_10.csv": lines(CUSTOMERS, "101,Ann,a@example.com,1 Main St"),
    "OnlineTransactions_10.csv": lines(
        ORDERS,
        order(101001, customer="101.0", product="102.0"),
        order(101003, customer="", product="102.0"),
    ),
    "InStoreTransactions_10.csv": lines(VISITS, f"102001,101.0,5,{DAY},30.00,Cash"),
    "Products_10.csv": lines(PRODUCTS, product(102, "Case 10")),
    "OnlineTransactions_14.csv": lines(
        ORDERS, *(order(141000 + n, when=each, amount="1.00") for n, each in TIMES.items())
    ),
    "OnlineTransactions_15.csv": lines(
        ORDERS,
        *(order(151000 + n, amount=each) for n, each in AMOUNTS.items()),
        f"151007,1,10,{DAY},Credit Card,€,12.50,Completed",
    ),
    "Customers_17.csv": lines(
        CUSTOMERS, *(f"{170 + n},{word},{word},{word}" for n, word in enumerate(WORDS))
    ),
    "LoyaltyAccounts_17.csv": lines(
        ACCOUNTS, *(f"{1700 + n},{170 + n},10,{word},{word}" for n, word in enumerate(WORDS))
    ),
    "LoyaltyAccounts_18.csv": lines(ACCOUNTS, "1801,41,10,Gold,2023-01-01"),
    "LoyaltyTransactions_18.csv": lines(
        MOVEMENTS,
        "1801,2024-05-01,100,Purchase",
        "1801,2024-05-01,50,Bonus",
        "1801,2024-05-01,-120,Redemption",
        "1801,2024-05-02,10,Purchase",
    ),
    "Customers_21.csv": lines(CUSTOMERS, "211,Al,a@example.com,x", "212,Bo,b@example.com,x"),
    "OnlineTransactions_21.csv": lines(
        ORDERS,
        order(211001, customer=211, when="2024-05-01 10:00:00"),
        order(211002, customer=212, when="2204-05-02 11:00:00"),
    ),
    "Customers_23.csv.gz": gzip.compress(lines(CUSTOMERS, "231,Al,a,x").encode()) + bytes(512),
    "Customers_25.csv": lines(CUSTOMERS, '251,Al,a,"1 Main St, Springfield"', "252,Bo,b,x").replace(
        "\n", "\r"
    ),
    "OnlineTransactions_26.csv": lines(ORDERS, order(261001) + ",", order(261002) + ","),
    "Products_28.csv": "sep=;\r\nProductID;Name;Category;Price\r\n281;Mug;Case 28;10,00\r\n",
    "2024/05/OnlineTransactions.csv": lines(ORDERS, order(331001)),
    "2024/06/OnlineTransactions.csv": lines(ORDERS, order(331002)),
    "Customers_34.csv": lines(CUSTOMERS, "341\u200b,Ann\u200b Able,a@example.com,x"),
    "OnlineTransactions_34.csv": lines(
        ORDERS,
        order(341001, customer="341\u200b"),
        order(341003, customer="\u200e341\u200e", status="Completed\u200b"),
        order(341004, customer="341\u3000", amount="\u200b25.00", status="Cancelled\u200b"),
    ),
    "Customers_35.csv": "Customer ID,Name,E-mail,Address\n351,Ann,ann@example.com,1 Main St\n",
    "OnlineTransactions_35.csv": lines(
        "order_id,customer_id,product_id,date_time,payment_method,amount,status",
        order(351001, customer=351),
    ),
    "OnlineTransactions_60.csv": lines(
        f"{ORDERS},Notes,Notes", f"{order(601001)},a,b", f"{order(601002)},c,"
    ),
    "Products_65.csv": lines(
        PRODUCTS, product(651, "Case 65", ""), product(652, "Case 65", "variable")
    ),
    "OnlineTransactions_65.csv": lines(
        ORDERS, order(651001, product=651), order(651002, product=652, amount="25.00")
    ),
    "Products_78.csv": lines(PRODUCTS, product(781, "Case 78")),
    "OnlineTransactions_78.csv": lines(
        ORDERS,
        order(781001, product=781, amount="100.00"),
        order(789001, product=781, amount="-100.00", when="2024-05-06 10:00:00"),
        order(781002, product=781, amount="50.00"),
    ),
    "Customers_deleted.csv": lines(CUSTOMERS, "801,To Be Erased,erase@example.com,x"),
    "ProductsReviews.csv": "ReviewID,ProductID,Stars\n1,10,5\n",
}


@pytest.fixture(scope="module")
def plain(shop: Callable[..., Shop]) -> Shop:
    opened = shop()
    opened.succeeds(PLAIN)
    return opened


@pytest.fixture(scope="module")
def ask(plain: Shop) -> Ask:
    return plain.ask


def kept(ask: Ask, case: int, column: str = "order_id") -> list[Any]:
    """Return a column of the orders of a case that were not rejected."""
    where = f"order_id between {case * 1000} and {case * 1000 + 9999}"
    return [
        value
        for (value,) in ask(
            f"select {column} from silver.online_transactions where {where} order by order_id"
        )
    ]


def by_category(ask: Ask, case: int) -> list[str]:
    return columns(
        ask(
            "select total_orders, total_amount, average_order_value from marts.aov_by_category "
            f"where category = 'Case {case}'"
        )
    )


def test_01_lines_of_an_order_are_told_where_nothing_is_declared(plain: Shop) -> None:
    assert kept(plain.ask, 11, "amount") == [Decimal("5.00"), Decimal("25.00")]
    assert "1 of 2 OrderIDs came in several rows with other content, such as 11001" in plain.log()
    assert "the others are set aside (35.00 in all). If each row is one line of an" in plain.log()


def test_04_the_later_days_file_wins_everywhere(ask: Ask) -> None:
    assert kept(ask, 41, "status") == ["Cancelled", "Delivered"]
    assert ask("select address from silver.customers where customer_id = 41") == [("1 New Road",)]
    assert ask(
        "select tier_level, points_earned from silver.loyalty_accounts where loyalty_id=4001"
    ) == [("Silver", 100)]
    assert ask("select price from silver.products where product_id = 40") == [(Decimal("10.00"),)]
    assert by_category(ask, 4) == ["1 25.00 25.00"]


def test_08_other_words_for_cancelled_do_not_count(plain: Shop) -> None:
    counts = dict(
        plain.ask(
            "select order_id - 81000, counts_as_revenue from gold.fct_online_transactions "
            "where order_id between 81000 and 81999"
        )
    )
    counting = {STATUSES[number] for number, counts in counts.items() if counts}
    assert counting == {"Completed", "Partially Refunded", "Test", "draft", "Annulé"}
    unlisted = plain.log().partition("not in its list and count as revenue: ")[2]
    assert "Annulé (1 order, 100.00)" in unlisted


def test_09_and_14_times_of_machines_are_read_and_others_not_guessed(ask: Ask) -> None:
    assert kept(ask, 91, "ordered_at") == [datetime(2024, 5, 1, 8)]
    ten, midnight = datetime(2024, 5, 1, 10), datetime(2024, 5, 1)
    read = dict.fromkeys((4, 9, 10, 11, 12, 17, 24, 25, 27), ten)
    read |= {13: datetime(2024, 5, 1, 15), 21: datetime(2024, 5, 1, 9, 5)}
    read |= {20: midnight, 28: midnight}
    found = zip(kept(ask, 141), kept(ask, 141, "ordered_at"), strict=True)
    assert {number - 141000: moment for number, moment in found} == read


def test_10_keys_with_a_fraction_of_zeros_lose_nobody(ask: Ask) -> None:
    facts = "select order_id, customer_id, product_id from gold.fct_online_transactions"
    assert ask(f"{facts} where order_id in (101001, 101003) order by order_id") == [
        (101001, 101, 102),
        (101003, -1, 102),
    ]
    visits = "select customer_id from gold.fct_in_store_transactions where transaction_id = 102001"
    assert ask(visits) == [(101,)]


def test_15_amounts_are_not_misread(ask: Ask) -> None:
    read = {11: "12.35", 15: "0.01", 16: "1234.50", 17: "12.50", 18: "12.00", 19: "0.50"}
    read |= {20: "12.50", 22: "12.50", 25: "12.50"}
    found = zip(kept(ask, 151), kept(ask, 151, "amount"), strict=True)
    assert {number - 151000: str(amount) for number, amount in found} == read


def test_17_words_for_null_are_no_values(plain: Shop) -> None:
    own = {"-": "-", "<null>": "<null>"}
    names = plain.ask(
        "select customer_name from silver.customers where customer_id between 170 and 179 "
        "order by customer_id"
    )
    assert [name for (name,) in names] == [own.get(word, "Unknown") for word in WORDS]
    tiers = plain.ask(
        "select tier_level from silver.loyalty_accounts where loyalty_id between 1700 and 1709 "
        "order by loyalty_id"
    )
    assert [tier for (tier,) in tiers] == [own.get(word) for word in WORDS]
    told = plain.log().partition("loyalty_accounts.tier_level has values")[2].partition("\n")[0]
    assert "- (1 row)" in told
    assert "<null> (1 row)" in told


def test_18_several_movements_of_a_day_are_all_kept(ask: Ask) -> None:
    movements = "select count(*), sum(points_change) from silver.loyalty_transactions"
    assert ask(f"{movements} where loyalty_id = 1801") == [(4, 40)]


def test_21_a_far_future_stretches_nothing(plain: Shop) -> None:
    assert "ordered_at has times long ago or after their arrival: 1 row, 2204-05-02" in plain.log()
    recency = "select customer_id, recency_days from marts.customer_360"
    # The newest plausible event is a refund of 6 May.
    assert plain.ask(f"{recency} where customer_id in (211, 212) order by 1") == [
        (211, 5),
        (212, None),
    ]
    assert plain.ask("select count(*) from gold.dim_dates where year_number > 2024") == [(1,)]


def test_23_25_26_28_33_35_and_60_oddly_written_files_are_read(ask: Ask) -> None:
    customers = "select customer_id from silver.customers where customer_id in"
    assert ask(f"{customers} (231, 251, 252, 351) order by 1") == [(231,), (251,), (252,), (351,)]
    for case in (261, 331, 601):
        assert kept(ask, case) == [case * 1000 + 1, case * 1000 + 2]
    assert kept(ask, 351, "customer_id") == [351]
    products = "select category from silver.products where product_id = 281"
    assert ask(products) == [("Case 28",)]


def test_34_marks_that_nobody_sees_are_looked_through(ask: Ask) -> None:
    assert kept(ask, 341, "customer_id") == [341, 341, 341]
    assert kept(ask, 341, "status") == ["Completed", "Completed", "Cancelled"]


def test_65_a_product_without_a_price_is_kept(ask: Ask) -> None:
    assert ask("select price from silver.products where product_id in (651, 652)") == [
        (None,),
        (None,),
    ]
    assert by_category(ask, 65) == ["2 35.00 17.50"]


def test_78_a_refund_in_a_row_of_its_own_is_no_order(ask: Ask) -> None:
    assert by_category(ask, 78) == ["2 50.00 25.00"]


def test_80_files_that_only_begin_alike_are_left_alone(plain: Shop) -> None:
    assert plain.ask("select count(*) from silver.customers where customer_id = 801") == [(0,)]
    for name in ("Customers_deleted.csv", "ProductsReviews.csv"):
        assert f"{name} was left alone" in plain.log()


def test_43_revenue_of_unknown_customers_is_told(shop: Callable[..., Shop]) -> None:
    opened = shop()
    opened.succeeds(
        {
            "Customers.csv": lines(CUSTOMERS, "1,Ann Able,ann@example.com,1 Main St"),
            "OnlineTransactions.csv": lines(
                ORDERS, *(order(1001 + number, customer=number) for number in range(1, 21))
            ),
        }
    )
    notes = opened.ask(
        "select \"rows\", amount from marts.data_notes where note = 'unknown customers'"
    )
    assert notes == [(19, Decimal("190.00"))]
    assert "unknown customers" in (opened.home / "report/index.html").read_text()


# What reading refuses, and what a run stops for

REFUSED: dict[str, tuple[str, str, str]] = {
    "13": (
        "OnlineTransactions_13.csv",
        lines(
            ORDERS,
            *(
                order(131000 + day, when=f"{day:02}/06/2024 10:00", amount="1.00")
                for day in (5, 12, 13, 28, 30)
            ),
        ),
        "dates: dmy",
    ),
    "32b": ("Customers_32.csv", "", "ZIP"),  # made by the test
    "42": (
        "OnlineTransactions_42.csv",
        lines(
            ORDERS.replace("Status", "Currency,Status"),
            order(421001, amount="10000", status="JPY,Completed"),
            order(421002, amount="25.00", status="USD,Completed"),
        ),
        "currency: {column: Currency}",
    ),
    "64": (
        "Products_64.csv",
        lines("Product list,,,", "Printed 2024-05-31,,,", ",,,", PRODUCTS, product(641, "Case 64")),
        "skip_lines: 3",
    ),
}


@pytest.fixture(scope="module")
def refused(shop: Callable[..., Shop], tmp_path_factory: pytest.TempPathFactory) -> str:
    archive = tmp_path_factory.mktemp("zip") / "Customers.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("Customers.csv", lines(CUSTOMERS, "321,Al,a,x"))
    files: Files = {name: content for name, content, _ in REFUSED.values()}
    return shop().fails({**files, "Customers_32.csv": archive.read_bytes()})


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_would_be_misread_is_refused_with_what_settles_it(
    refused: str, case: str
) -> None:
    name, _, settles = REFUSED[case]
    told = refused.partition(f"{name}: ")[2].partition(".csv: ")[0]
    assert settles in told


TEXT_KEYS: Files = {
    "Customers.csv": lines(CUSTOMERS, "CG-12520,Claire,c@example.com,Henderson"),
    "OnlineTransactions.csv": lines(
        ORDERS,
        order("CA-2016-152156", customer="CG-12520", when="11/8/2016", amount="261.96"),
        order("CA-2016-138688", customer="DV-13045", when="6/12/2016", amount="14.62"),
    ),
}


def test_12_text_keys_stop_a_run_until_they_are_declared(shop: Callable[..., Shop]) -> None:
    opened = shop()
    told = opened.fails(TEXT_KEYS)
    assert "online_transactions: none of the 2 new rows can be used (invalid_key 2)" in told
    assert "keys: text" in told
    opened.declare("files: {customers: {keys: text}, online_transactions: {keys: text}}")
    opened.succeeds({})
    assert by_channel(opened) == ["2 276.58 138.29"]
    assert opened.ask(
        "select order_id, customer_id from gold.fct_online_transactions order by 1"
    ) == [
        ("CA-2016-138688", "-1"),
        ("CA-2016-152156", "CG-12520"),
    ]


def by_channel(opened: Shop, channel: str = "online") -> list[str]:
    return columns(
        opened.ask(
            "select total_orders, total_amount, average_order_value from marts.average_order_value "
            f"where dimension = 'channel' and member = '{channel}'"
        )
    )


# As declared


def test_01_and_03_lines_of_an_order_and_a_refund_in_it_as_declared(
    shop: Callable[..., Shop],
) -> None:
    opened = shop("files: {online_transactions: {rows: lines}}")
    opened.succeeds(
        {
            "Products.csv": lines(
                PRODUCTS, product(10, "Case 1"), product(11, "Case 1"), product(30, "Case 3")
            ),
            "OnlineTransactions_01.csv": lines(
                ORDERS,
                order(11001, amount="10.00"),
                order(11001, product=11, amount="25.00"),
                order(11001, amount="5.00"),
                order(11002, product=11, amount="25.00"),
            ),
            "OnlineTransactions_03.csv": lines(
                ORDERS,
                order(31001, product=30, amount="100.00"),
                order(31001, product=30, amount="-30.00", when="2024-05-06 10:00:00"),
                order(31002, product=30, amount="25.00"),
            ),
        }
    )
    assert by_category(opened.ask, 1) == ["2 65.00 32.50"]
    assert by_category(opened.ask, 3) == ["2 95.00 47.50"]
    lines_of_product = "select count(*), sum(amount) from gold.fct_online_transactions"
    assert opened.ask(f"{lines_of_product} where product_id = 10") == [(2, Decimal("15.00"))]
    assert by_channel(opened) == ["4 160.00 40.00"]


def test_13_15_62_and_64_what_is_declared_is_read(shop: Callable[..., Shop]) -> None:
    opened = shop(
        "files:\n"
        "  online_transactions:\n"
        "    {dates: dmy, currency_signs: [$], thousands: ',', negatives: [parentheses, trailing],"
        " unknown_keys: [0]}\n"
        "  products: {skip_lines: 3}\n"
    )
    name, content, _ = REFUSED["13"]
    opened.succeeds(
        {
            name: content,
            "OnlineTransactions_15.csv": PLAIN["OnlineTransactions_15.csv"],
            "Customers.csv": lines(CUSTOMERS, "0,Guest,,", "1,Ann,ann@example.com,x"),
            "OnlineTransactions_62.csv": lines(
                ORDERS,
                *(order(621000 + n, customer=0, amount="50.00") for n in range(10)),
                order(621100, customer=1, amount="20.00"),
            ),
            "Products_64.csv": REFUSED["64"][1],
        }
    )
    days = [moment.day for moment in kept(opened.ask, 131, "ordered_at")]
    assert days == [5, 12, 13, 28, 30]
    found = dict(zip(kept(opened.ask, 151), kept(opened.ask, 151, "amount"), strict=True))
    amounts = {1: "12.50", 2: "1234.50", 4: "-12.50", 5: "-12.50", 21: "1234.50", 23: "-12.50"}
    assert {n: str(found[151000 + n]) for n in amounts} == amounts
    guests = "select customer_id, count(*) from gold.fct_online_transactions"
    assert opened.ask(f"{guests} where source_customer_id = 0 group by 1") == [(-1, 10)]
    segments = "select total_spend, segment from marts.customer_segments where customer_id = 0"
    assert opened.ask(segments) == [(Decimal("0.00"), "No Purchases")]
    assert opened.ask("select product_id, price from silver.products") == [(641, Decimal("10.00"))]


def test_20_and_42_the_shops_clock_and_its_currency(
    shop: Callable[..., Shop], tmp_path: Path
) -> None:
    project = tmp_path / "project"
    for name in ("models", "macros", "seeds", "analyses", "tests/dbt"):
        shutil.copytree(PROJECT / name, project / name)
    for name in ("dbt_project.yml", "profiles.example.yml"):
        shutil.copyfile(PROJECT / name, project / name)
    settings = (project / "dbt_project.yml").read_text()
    for before, after in (
        ("business_timezone: UTC", "business_timezone: America/Chicago"),
        ("reporting_currency: null", "reporting_currency: USD"),
    ):
        assert before in settings
        settings = settings.replace(before, after)
    (project / "dbt_project.yml").write_text(settings)
    with (project / "seeds/exchange_rates.csv").open("a") as rates:
        rates.write("JPY,,0.0067\n")
    opened = shop(
        "files: {online_transactions: {currency: {column: Currency}}}",
        C360_PROJECT_DIR=str(project),
    )
    opened.succeeds(
        {
            "OnlineTransactions_20.csv": lines(
                ORDERS,
                *(order(201000 + n, when=f"2024-05-03T20:0{n}:00-05:00") for n in range(5)),
            ),
            "OnlineTransactions_42.csv": REFUSED["42"][1],
        }
    )
    busiest = (
        "select day_of_week, hour_of_day, total_transactions from marts.peak_transaction_times"
    )
    assert opened.ask(f"{busiest} where peak_rank = 1") == [("Friday", 20, 5)]
    money = "select amount, source_amount, source_currency from gold.fct_online_transactions"
    assert columns(opened.ask(f"{money} where order_id > 420000 order by order_id")) == [
        "67.00 10000.00 JPY",
        "25.00 25.00 USD",
    ]


# Delivery after delivery


def test_05_23b_and_83b_each_delivery_counts(shop: Callable[..., Shop]) -> None:
    def products(price: str) -> str:
        return lines(PRODUCTS, product(50, "Case 5", price))

    def orders(status: str) -> str:
        return lines(ORDERS, order(51001, product=50, status=status), order(51002, amount="25.00"))

    opened = shop()
    padded = gzip.compress(lines(CUSTOMERS, "231,Al,a,x").encode())
    opened.succeeds(
        {
            "Products_05.csv": products("10.00"),
            "OnlineTransactions_05.csv": orders("Completed"),
            "Customers_23.csv.gz": padded + bytes(512),
            "Products_83.csv": lines(PRODUCTS, product(830, "Case 83")),
        }
    )
    opened.succeeds(
        {
            "Products_05.csv": products("8.00"),
            "OnlineTransactions_05.csv": orders("Cancelled"),
            "Customers_23.csv": lines(CUSTOMERS, "232,Bo,b,x"),
            "Products_83.csv": lines(
                f"{PRODUCTS},FileName", product(830, "Case 83", "11.00,a.jpg")
            ),
        }
    )
    assert by_channel(opened) == ["1 25.00 25.00"]
    opened.succeeds(
        {
            "Products_05.csv": products("10.00"),
            "OnlineTransactions_05.csv": orders("Completed"),
            "Customers_23.csv.gz": padded + bytes(4),
            "OnlineTransactions_83.csv": lines(ORDERS, order(831005, product=830)),
        }
    )
    assert by_channel(opened) == ["3 45.00 15.00"]
    prices = "select product_id, price from silver.products order by product_id"
    assert columns(opened.ask(prices)) == ["50 10.00", "830 11.00"]
    customers = "select customer_id from silver.customers order by customer_id"
    assert opened.ask(customers) == [(231,), (232,)]


def test_07_who_lacks_in_the_newest_full_export_is_gone(shop: Callable[..., Shop]) -> None:
    people = [
        CUSTOMERS,
        "1,Ann,ann@example.com,x",
        "2,Bob,bob@example.com,x",
        "3,Cy,cy@example.com,x",
    ]
    opened = shop("files: {customers: {load: full}}")
    opened.succeeds(
        {
            "Customers.csv": lines(*people),
            "Stores.csv": STORES,
            "InStoreTransactions.csv": lines(VISITS, f"2002,3,5,{DAY},40.00,Cash"),
        }
    )
    opened.succeeds({"Customers.csv": lines(*people[:3])})
    assert opened.ask("select customer_id from silver.customers order by 1") == [(1,), (2,)]
    gone = "select row_count from silver.superseded_rows where entity = 'customers'"
    assert opened.ask(f"{gone} and reason = 'gone'") == [(1,)]
    visits = "select customer_id, source_customer_id from gold.fct_in_store_transactions"
    assert opened.ask(visits) == [(-1, 3)]
