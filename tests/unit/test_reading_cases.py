"""Troubles that people reported with files of real shops: what is read, what is refused, and how.

Each test is one of them, small, with made-up rows; a refusal has to name what settles it.
"""

import gzip
import io
import os
import re
import zipfile
from datetime import datetime, timedelta

import pytest

from lake.local import LocalLake
from tests.support.reading import deliver
from tests.support.xlsx import workbook

CUSTOMERS = (
    "CustomerID,Name,Email,Address\n"
    '1,Ann Able,ann@example.com,"1 Main St, Springfield"\n'
    "2,Bob Best,bob@example.com,2 Main St\n"
)
TWO = [
    ["1", "Ann Able", "ann@example.com", "1 Main St, Springfield"],
    ["2", "Bob Best", "bob@example.com", "2 Main St"],
]
PRODUCTS = "ProductID,Name,Category,Price\n10,Mug,Kitchen,10.00\n11,Lamp,Home,25.00\n"
ORDERS = "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status\n"
VISITS = "TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod\n"
DAY = "2024-05-01 10:00:00"


@pytest.fixture(scope="module", autouse=True)
def hasty():
    """Do not wait for the disk: nobody pulls the plug here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def lake(tmp_path):
    return LocalLake(tmp_path / "lake")


@pytest.fixture
def given(lake, tmp_path):
    """Deliver files, each time in a folder of their own, as an optional sources file declares."""
    folders = iter(range(1, 10))
    return lambda files, sources=None: deliver(
        lake, tmp_path / f"in{next(folders)}", files, sources
    )


def order(number, *, customer="1", product="10", when=DAY, amount="10.00", status="Completed"):
    return f'{number},{customer},{product},"{when}",Credit Card,"{amount}",{status}\n'


def packed(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def locked(archive):
    """Return a ZIP file whose flags say that what is in it is encrypted."""
    content = bytearray(archive)
    content[content.find(b"PK\3\4") + 6] |= 1
    content[content.find(b"PK\1\2") + 8] |= 1
    return bytes(content)


# Files that look odd and are read


def test_a_gzip_file_padded_with_zeros_is_read_and_so_is_what_comes_after_it(given):
    padded = gzip.compress(CUSTOMERS.encode()) + bytes(512)
    assert given({"Customers.csv.gz": padded}).values("customers") == TWO
    assert given({"Customers.csv": CUSTOMERS}).values("customers") == TWO
    assert given({"Customers.csv.gz": padded[:-512]}).values("customers") == TWO


def test_a_zip_file_is_read_whatever_lies_beside_its_one_table(given):
    beside = {"README.md": "How to", "Thumbs.db": "x", "__MACOSX/._Customers.csv": "x"}
    content = packed({"export/Customers.csv": CUSTOMERS, **beside})
    assert given({"Customers.zip": content}).values("customers") == TWO
    packed_twice = packed({"Customers.csv.gz": gzip.compress(CUSTOMERS.encode())})
    assert given({"Customers_2.zip": packed_twice}).values("customers") == TWO


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"], ids=["CR", "CRLF", "LF"])
def test_line_ends_of_every_system_are_read(given, end):
    delivery = given({"Customers.csv": CUSTOMERS.replace("\n", end)})
    assert delivery.values("customers") == TWO
    assert not delivery.warnings


def test_a_line_end_of_three_characters_is_read_where_only_the_rows_have_it(given):
    header, rows = CUSTOMERS.split("\n", 1)
    text = f"{header}\r\n" + rows.replace("\n", "\r\r\n")
    assert given({"Customers.csv": text}).values("customers") == TWO


@pytest.mark.parametrize("mark", ["\x1a", "\ufeff\ufeff", "\ufeff"])
def test_marks_around_a_file_are_no_part_of_it(given, mark):
    text = '"CustomerID","Name","Email","Address"\n"1","Ann","a","x"\n'
    delivery = given({"Customers.csv": text + mark if mark == "\x1a" else mark + text})
    assert delivery.values("customers") == [["1", "Ann", "a", "x"]]
    assert not delivery.warnings


def test_a_bad_row_among_the_first_does_not_hide_that_all_others_end_with_an_empty_field(given):
    rows = [order(n).replace("\n", ",\n") for n in range(1001, 1006)]
    rows[1] = "1002,too,short\n"
    delivery = given({"OnlineTransactions.csv": ORDERS + "".join(rows)})
    found = delivery.column("online_transactions", "OrderID")
    assert found == ["1001", "1003", "1004", "1005"]
    assert "1 malformed line" in delivery.warnings


def test_an_empty_field_too_many_at_the_end_of_every_row_is_nothing(given):
    rows = order(1001).replace("\n", ",\n") + order(1002).replace("\n", ",\n")
    delivery = given({"OnlineTransactions.csv": ORDERS + rows})
    assert delivery.column("online_transactions", "Status") == ["Completed"] * 2


def test_an_empty_field_too_many_in_one_row_may_be_a_comma_in_a_value(given):
    text = CUSTOMERS + "3,Cole, Cy,cy@example.com,\n" + "4,Di,d@example.com,x\n"
    delivery = given({"Customers.csv": text})
    assert delivery.column("customers", "CustomerID") == ["1", "2", "4"]
    assert "Customers.csv" in delivery.warnings
    assert "malformed" in delivery.warnings


def test_a_semicolon_file_of_excel_is_read_and_its_decimal_commas_are_pointed_out(given):
    text = (
        "sep=;\r\nProductID;Name;Category;Price\r\n10;Mug;Kitchen;10,00\r\n11;Lamp;Home;25,00\r\n"
    )
    delivery = given({"Products.csv": text})
    assert delivery.column("products", "Price") == ["10,00", "25,00"]
    assert "Products.csv" in delivery.warnings
    assert "decimal" in delivery.warnings
    declared = given(
        {"Products_2.csv": text + "12;Pen;Home;1\r\n"}, 'files: {products: {decimal: ","}}'
    )
    assert declared.column("products", "Price") == ["10.00", "25.00", "1"]
    assert "decimal" not in declared.warnings


def test_files_in_folders_are_read_and_two_of_one_name_are_two(given):
    delivery = given(
        {
            "Products.csv": PRODUCTS,
            "2024/05/OnlineTransactions.csv": ORDERS + order(1001),
            "2024/06/OnlineTransactions.csv": ORDERS + order(1002),
        }
    )
    assert delivery.column("online_transactions", "OrderID") == ["1001", "1002"]
    sources = {record.source for record in delivery.manifest.landed}
    assert sources == {
        "Products.csv",
        "2024/05/OnlineTransactions.csv",
        "2024/06/OnlineTransactions.csv",
    }
    assert len({row["_source_file"] for row in delivery.rows("online_transactions")}) == 2


def test_characters_that_nobody_sees_keep_no_customer_from_her_orders(given):
    text = ORDERS + (
        order(1001, customer="1\u200b")
        + order(1002, customer="\u200e2\u200e", status="Completed\u200b")
        + order(1003, customer="\ufeff 2", amount="\u200b25.00")
        + order(1004, customer="2 \u2060")
    )
    names = "CustomerID,Name,Email,Address\n1\u200b,Ann\u200b Able,a@example.com,\u202bx\u202c\n"
    delivery = given({"OnlineTransactions.csv": text, "Customers.csv": names})
    assert delivery.column("online_transactions", "CustomerID") == ["1", "2", "2", "2"]
    assert delivery.column("online_transactions", "Status") == ["Completed"] * 4
    assert delivery.column("online_transactions", "Amount")[2] == "25.00"
    assert delivery.values("customers") == [["1", "Ann\u200b Able", "a@example.com", "x"]]


def test_letters_with_accents_of_their_own_are_composed(given):
    delivery = given({"Customers.csv": "CustomerID,Name,Email,Address\n1,Jose\u0301,j,x\n"})
    assert delivery.column("customers", "Name") == ["José"]


def test_headers_are_matched_however_they_are_spelled(given):
    delivery = given(
        {
            "Customers.csv": "Customer ID,Name,E-mail,Address\n1,Ann,ann@example.com,1 Main St\n",
            "OnlineTransactions.csv": "status,order_id,CUSTOMER-ID,product_id,date_time,"
            f"Payment Method,amount\nCompleted,1001,1,10,{DAY},Credit Card,10.00\n",
        }
    )
    assert delivery.values("customers") == [["1", "Ann", "ann@example.com", "1 Main St"]]
    assert delivery.values("online_transactions") == [
        ["1001", "1", "10", DAY, "Credit Card", "10.00", "Completed"]
    ]
    assert not delivery.warnings


def test_columns_that_nobody_needs_may_be_there_twice(given):
    header = ORDERS.replace("\n", ",Notes,Notes\n")
    text = header + order(1001).replace("\n", ",a,b\n") + order(1002).replace("\n", ",c,\n")
    delivery = given({"OnlineTransactions.csv": text})
    assert delivery.column("online_transactions", "OrderID") == ["1001", "1002"]


def test_an_expression_over_a_column_that_is_not_there_is_told_of_all_that_are(given):
    text = PRODUCTS.replace("Price", "Unit price,Tax").replace(".00", ".00,1")
    for rows in (text, text.splitlines()[0] + "\n"):
        delivery = given({"Products.csv": rows}, "files: {products: {expressions: {Price: Prize}}}")
        said = (
            "column Prize, which is not there (found: ProductID, Name, Category, Unit price, Tax)"
        )
        assert said in delivery.refused["Products.csv"]


def test_a_column_that_is_needed_must_not_be_there_twice(given):
    text = CUSTOMERS.replace("Address", "Address,E-mail")
    delivery = given({"Customers.csv": text})
    assert "Email" in delivery.refused["Customers.csv"]
    prices = PRODUCTS.replace("Price", "Net,net").replace(".00", ".00,9")
    for declared in ("expressions: {Price: Net * 2}", "columns: {Price: Net}"):
        delivery = given({"Products.csv": prices}, f"files: {{products: {{{declared}}}}}")
        assert re.search("column Net.* more than once", delivery.refused["Products.csv"])


@pytest.mark.parametrize("above", ["  \n", "\n \n", "\t\r\n \r\nsep=,\r\n", "sep=,\n \n"])
def test_blank_lines_above_the_header_are_nothing(given, above):
    delivery = given({"Customers.csv": above + CUSTOMERS + "too,short\n"})
    assert delivery.values("customers") == TWO
    assert "1 malformed line" in delivery.warnings


def test_blank_lines_and_header_lines_in_between_are_no_rows(given):
    header = CUSTOMERS.partition("\n")[0]
    text = f"\n{CUSTOMERS}\n\n{header}\n3,Cy,c,x\n\n"
    delivery = given({"Customers.csv": text})
    assert delivery.column("customers", "CustomerID") == ["1", "2", "3"]
    assert [row["_row_number"] for row in delivery.rows("customers")] == [1, 2, 3]
    assert not delivery.warnings


@pytest.mark.parametrize(
    "again",
    [
        "CustomerID , Name,Email,Address\n",
        '\ufeff"CustomerID","Name","Email","Address"\n',
        "\ufeffCustomerID,Name,Email,Address\n",
    ],
)
def test_a_header_that_comes_again_is_known_whatever_is_around_it(given, again):
    delivery = given({"Customers.csv": f"{CUSTOMERS}{again}3,Name,Email,Address\n"})
    assert delivery.values("customers") == [*TWO, ["3", "Name", "Email", "Address"]]


@pytest.mark.parametrize(
    "header", ["CustomerID,Email,Name,Address", "Email,CustomerID,Address,Name"]
)
def test_a_header_in_between_with_its_columns_in_other_places_is_refused(given, header):
    delivery = given({"Customers.csv": f"{CUSTOMERS}{header}\n3,c,Cy,x\n"})
    assert "after 2 rows it has another header" in delivery.refused["Customers.csv"]


def test_numbers_that_excel_keeps_as_text_are_read(given):
    rows = '="17",="0049","=""Ann""",=\n'
    headers = ["CustomerID,Name,Email,Address\n", '="CustomerID",="Name","=""Email""",Address\n']
    for header in headers:
        delivery = given({"Customers.csv": header + rows})
        assert delivery.values("customers") == [["17", "0049", "Ann", "="]]


def test_a_nul_byte_costs_its_line_and_not_its_file(given):
    delivery = given({"Customers.csv": CUSTOMERS + "3,C\0y,c,x\n4,Di,d,x\n"})
    assert delivery.column("customers", "CustomerID") == ["1", "2", "4"]
    assert "1 malformed line" in delivery.warnings


@pytest.mark.parametrize("content", [CUSTOMERS + "\0" * 5000, CUSTOMERS + "\0" * 5000 + "\n\n"])
def test_a_file_filled_up_with_nul_bytes_is_not_taken_for_utf_16(given, content):
    delivery = given({"Customers.csv": content})
    assert delivery.values("customers") == TWO
    assert "1 malformed line" in delivery.warnings


def test_files_that_only_begin_like_an_entity_are_left_alone_and_named(given):
    delivery = given(
        {
            "Customers.csv": CUSTOMERS,
            "Customers_deleted.csv": CUSTOMERS.replace("1,Ann", "77,Gone"),
            "Customers old.csv": "not even a table",
            "CustomerSegments.csv": "x\n",
            "ProductsReviews.csv": "ReviewID,ProductID,Stars\n1,10,5\n",
        }
    )
    assert delivery.values("customers") == TWO
    assert not delivery.rows("products")
    for name in (
        *("Customers_deleted.csv", "Customers old.csv"),
        *("CustomerSegments.csv", "ProductsReviews.csv"),
    ):
        assert name in delivery.warnings


def test_a_column_called_filename_harms_no_delivery(given):
    first = given({"Products.csv": PRODUCTS})
    second = given(
        {"Products.csv": "ProductID,Name,Category,Price,FileName\n10,Mug,Kitchen,11.00,mug.jpg\n"}
    )
    third = given({"OnlineTransactions.csv": ORDERS + order(1005)})
    assert len(first.rows("products")) == 2
    assert second.values("products") == [["10", "Mug", "Kitchen", "11.00"]]
    assert len(third.rows("online_transactions")) == 1


def test_a_file_that_goes_back_to_its_earlier_bytes_is_new(given):
    cheaper = PRODUCTS.replace("10.00", "8.00")
    deliveries = [given({"Products.csv": text}) for text in (PRODUCTS, cheaper, PRODUCTS, PRODUCTS)]
    prices = [delivery.column("products", "Price") for delivery in deliveries]
    assert prices == [["10.00", "25.00"], ["8.00", "25.00"], ["10.00", "25.00"], []]
    held = [delivery.rows("products")[0]["_as_of"] for delivery in deliveries[:3]]
    assert held == sorted(held)


def test_a_file_with_nothing_but_its_header_has_no_rows(given):
    delivery = given({"OnlineTransactions.csv": ORDERS})
    assert [record.rows for record in delivery.manifest.landed] == [0]
    assert delivery.rows("online_transactions") == []


def test_a_file_that_may_be_cut_off_is_read_with_a_warning(given):
    delivery = given({"Customers.csv": CUSTOMERS.removesuffix("t\n")})
    assert delivery.column("customers", "Address")[1] == "2 Main S"
    assert re.search(r"Customers\.csv.*cut off", delivery.warnings)


# From when rows hold


def test_rows_hold_from_the_day_that_the_files_name_carries(given):
    text = CUSTOMERS.partition("\n")[0] + "\n{},Ann,a,x\n"
    delivery = given(
        {
            "Customers_2024-02-03.csv": text.format(1),
            "Customers_2024-02.csv": text.format(2),
            "customers20240304.csv": text.format(3),
            "Customers_2999-01-01.csv": text.format(4),
        }
    )
    now = datetime.fromisoformat(delivery.manifest.created_at).replace(tzinfo=None)
    held = {row["CustomerID"]: row["_as_of"] for row in delivery.rows("customers")}
    assert held.pop("4") <= now + timedelta(seconds=2)
    assert {key: f"{moment:%Y-%m-%d %H:%M:%S}" for key, moment in held.items()} == {
        "1": "2024-02-03 23:59:59",
        "2": "2024-02-29 23:59:59",
        "3": "2024-03-04 23:59:59",
    }


def ordered(given, *updated, declared="order_by: Updated at"):
    """Deliver customers 1, 2, … with these values of a column that orders them."""
    rows = "".join(f'{n},Ann,a,x,"{value}"\n' for n, value in enumerate(updated, 1))
    text = CUSTOMERS.partition("\n")[0] + ",Updated at\n" + rows
    return given({"Customers_2020-01-31.csv": text}, f"files: {{customers: {{{declared}}}}}")


def test_a_column_that_orders_rows_is_read_as_times_are(given):
    delivery = ordered(given, "06/13/2024", "06/13/2024 1:05 PM", "2024-06-13T10:00:00+02:00", "")
    assert [f"{row['_as_of']:%Y-%m-%d %H:%M}" for row in delivery.rows("customers")] == [
        "2024-06-13 00:00",
        "2024-06-13 13:05",
        "2024-06-13 08:00",
        "2020-01-31 23:59",
    ]
    assert not delivery.warnings


def test_a_column_that_cannot_order_rows_is_told_of(given):
    delivery = ordered(given, "2024-06-13", "v2", "v3")
    assert "Updated at has values that are no times, such as v2 (2 in all)" in delivery.warnings
    lacking = given({"Customers.csv": CUSTOMERS}, "files: {customers: {order_by: Changed}}")
    assert "it has no column Changed" in lacking.warnings
    day_first = ordered(given, "05/06/2024 10:00", "13/06/2024 10:00")
    assert "Updated at has dates with the day first" in str(day_first.refused)
    declared = ordered(given, "05/06/2024", declared="order_by: Updated at, dates: dmy")
    assert declared.rows("customers")[0]["_as_of"] == datetime(2024, 6, 5)


def test_columns_that_a_declaration_names_are_not_told_of_as_not_asked_for(given):
    text = "OrderNo,Card\n1,x\n"
    columns = "Name: \"'a'\", Email: \"'b'\", Address: \"'c'\", CustomerID: OrderNo"
    sources = f"files: {{customers: {{expressions: {{{columns}}}}}}}"
    delivery = given({"Customers.csv": text}, sources)
    assert delivery.values("customers") == [["1", "a", "b", "c"]]
    assert delivery.warnings == "Customers.csv: nobody asked for its columns Card."


# Rows of one key


def test_an_order_of_several_lines_is_pointed_out_with_the_amount_that_does_not_count(given):
    lines = (
        order(1001)
        + order(1001, product="11", amount="25.00")
        + order(1001, amount="5.00")
        + order(1002, amount="25.00")
    )
    delivery = given({"OnlineTransactions.csv": ORDERS + lines})
    assert len(delivery.rows("online_transactions")) == 4
    assert "OnlineTransactions.csv" in delivery.warnings
    assert "rows" in delivery.warnings
    assert re.search(r"\b35(\.00)?\b", delivery.warnings)
    lines += order(1003)
    declared = given(
        {"OnlineTransactions.csv": ORDERS + lines}, "files: {online_transactions: {rows: lines}}"
    )
    assert len(declared.rows("online_transactions")) == 5
    assert not declared.warnings


def test_a_warning_of_keys_that_repeat_says_which_row_counts(given):
    lines = order(1001) + order(1001, when="2024-04-01 10:00:00", amount="25.00") + order(1002)
    delivery = given(
        {"OnlineTransactions.csv": ORDERS + lines},
        "files: {online_transactions: {order_by: DateTime}}",
    )
    assert "Of each the row with the greatest DateTime counts" in delivery.warnings
    assert "The last row of each counts" not in delivery.warnings
    assert "10.00 in all" not in delivery.warnings  # the 25.00 are set aside


def repeated(keys, repeats, amount="12.00"):
    """Return so many orders, of which some come a second time."""
    return "".join(order(1000 + n) for n in range(keys)) + "".join(
        order(1000 + n, amount=amount) for n in range(repeats)
    )


def test_a_file_in_which_many_keys_repeat_is_refused(given):
    text = ORDERS + repeated(100, 12)
    delivery = given({"OnlineTransactions.csv": text, "Products.csv": PRODUCTS})
    reason = delivery.refused["OnlineTransactions.csv"]
    assert "rows" in reason
    assert "lines" in reason
    assert len(delivery.rows("products")) == 2
    for number, declared in enumerate(("one", "lines")):
        settled = given(
            {f"OnlineTransactions_{number}.csv": text + order(2000 + number)},
            f"files: {{online_transactions: {{rows: {declared}}}}}",
        )
        assert len(settled.rows("online_transactions")) == 113


@pytest.mark.parametrize(
    ("keys", "repeats", "amount"),
    [(100, 9, "12.00"), (300, 12, "12.00"), (100, 50, "10.00")],
    ids=["fewer than ten", "fewer than one in twenty", "identical rows"],
)
def test_a_file_in_which_few_keys_repeat_is_read(given, keys, repeats, amount):
    delivery = given({"OnlineTransactions.csv": ORDERS + repeated(keys, repeats, amount)})
    assert len(delivery.rows("online_transactions")) == keys + repeats


def test_currencies_that_differ_are_refused(given):
    header = ORDERS.replace("\n", ",Currency\n")
    text = header + order(1001).replace("\n", ",JPY\n") + order(1002).replace("\n", ",USD\n")
    delivery = given({"OnlineTransactions.csv": text})
    assert "Currency" in delivery.refused["OnlineTransactions.csv"]
    assert "currency" in delivery.refused["OnlineTransactions.csv"]
    same = given({"OnlineTransactions.csv": text.replace("JPY", "USD")})
    assert len(same.rows("online_transactions")) == 2
    declared = given(
        {"OnlineTransactions.csv": text},
        "files: {online_transactions: {currency: {column: Currency}}}",
    )
    assert len(declared.rows("online_transactions")) == 2


IN_YEN = ORDERS.replace("\n", ",Currency\n") + order(1001).replace("\n", ", jpy\n")


@pytest.mark.parametrize(
    ("text", "declared", "currency"),
    [
        (ORDERS + order(1001), None, None),
        (IN_YEN, None, " jpy"),
        (IN_YEN, "{column: Currency}", " jpy"),
        (IN_YEN, "EUR", "EUR"),
        (IN_YEN.replace("Currency", "Paid in"), None, None),
        (IN_YEN.replace("Currency", "Paid in"), "{column: paid_in}", " jpy"),
        (ORDERS + order(1001), "EUR", "EUR"),
    ],
    ids=[
        *("none in the file", "its own column", "declared as it is called", "declared otherwise"),
        *("of another name", "of another name, declared", "one for all"),
    ],
)
def test_the_currency_of_an_amount_is_what_is_declared_or_what_the_file_says(
    given, text, declared, currency
):
    sources = f"files: {{online_transactions: {{currency: {declared}}}}}" if declared else None
    delivery = given({"OnlineTransactions.csv": text}, sources)
    assert delivery.column("online_transactions", "Currency") == [currency]
    assert delivery.column("online_transactions", "Amount") == ["10.00"]


def test_a_declared_currency_column_that_a_file_lacks_is_told(given):
    sources = "defaults: {currency: {column: Paid in}}"
    delivery = given({"OnlineTransactions.csv": ORDERS + order(1001)}, sources)
    assert delivery.column("online_transactions", "Currency") == [None]
    assert "it has no column Paid in, which `currency` names" in delivery.warnings
    assert given({"Customers.csv": CUSTOMERS}, sources).warnings == ""


# Values in other forms


def moments(delivery):
    values = delivery.column("online_transactions", "DateTime")
    return [datetime.fromisoformat(value) for value in values]


def test_day_first_dates_are_refused_and_read_when_declared(given):
    days = ["05/06/2024", "12/06/2024", "13/06/2024", "28/06/2024", "30/06/2024"]
    text = ORDERS + "".join(order(n, when=f"{day} 10:00") for n, day in enumerate(days, 1001))
    delivery = given({"OnlineTransactions.csv": text})
    assert "dates: dmy" in delivery.refused["OnlineTransactions.csv"]
    declared = given({"OnlineTransactions.csv": text}, "files: {online_transactions: {dates: dmy}}")
    assert moments(declared) == [datetime(2024, 6, day, 10) for day in (5, 12, 13, 28, 30)]


@pytest.mark.parametrize(
    "days",
    [
        [*["2024-06-05"] * 5, "13/06/2024", "05/06/2024"],
        ["\u00a005/06/2024", "\u00a013/06/2024\u00a010:00", "2024-06-05"],
        ["   05/06/2024", "   13/06/2024", "2024-06-05"],
        ["13/06/2024\n10:00"],
    ],
    ids=["one proof among others", "no-break spaces", "blanks", "line break"],
)
def test_day_first_dates_are_refused_however_they_stand_there(given, days):
    text = ORDERS + "".join(order(n, when=day) for n, day in enumerate(days, 1001))
    reason = given({"OnlineTransactions.csv": text}).refused["OnlineTransactions.csv"]
    assert "dates: dmy" in reason
    assert "\n" not in reason
    others = 'files: {online_transactions: {datetime_formats: ["%Y%m%d"]}}'
    again = given({"OnlineTransactions_2.csv": text}, others)
    assert "dates: dmy" in again.refused["OnlineTransactions_2.csv"]


@pytest.mark.parametrize(
    ("declared", "days", "other"),
    [
        ("dmy", ["05/06/2024", "05/31/2024 10:00", "05/30/2024"], "mdy"),
        ("mdy", ["05/06/2024", "31/05/2024", "30.05.2024"], "dmy"),
        ("dmy", ["05/06/2024", "05/31/2024", "13/06/2024"], None),
        ("dmy", ["05/06/2024", "05/31/2024", "06/06/2024"], None),
        ("dmy", ["2024-05-31", "2024-05-30"], None),
    ],
)
def test_dates_that_are_otherwise_than_declared_are_refused(given, declared, days, other):
    text = ORDERS + "".join(order(n, when=day) for n, day in enumerate(days, 1001))
    sources = f"files: {{online_transactions: {{dates: {declared}}}}}"
    delivery = given({"OnlineTransactions.csv": text}, sources)
    assert len(delivery.refused) == bool(other)
    if other:
        assert f"dates: {other}" in delivery.refused["OnlineTransactions.csv"]


@pytest.mark.parametrize(
    "days",
    [
        ["06/13/2024", "13/13/2024"],
        ["06/13/2024"],
        ["06/05/2024"],
        ["2024-06-13"],
        ["2024-06-13", "2024-06-13", "13/06/2024"],
    ],
)
def test_dates_that_may_be_month_first_are_read_as_they_are(given, days):
    text = ORDERS + "".join(order(n, when=day) for n, day in enumerate(days))
    assert given({"OnlineTransactions.csv": text}).column("online_transactions", "DateTime") == days


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ('datetime_formats: ["%d-%b-%y"]', {"01-May-24": "2024-05-01"}),
        (
            'datetime_formats: ["%d-%b-%Y", "%B %d, %Y %I:%M %p"]',
            {"01-May-2024": "2024-05-01", "May 1, 2024 10:00 AM": DAY},
        ),
        ('datetime_formats: ["%Y%m%d"]', {"20240501": "2024-05-01"}),
        ('datetime_formats: ["%d.%m.%Y %H:%M"]', {"01.05.2024 10:00": DAY}),
        ("dates: dmy", {"01/05/2024 10:00": DAY, "1/5/2024": "2024-05-01"}),
        ("epoch: seconds", {"1714557600": f"{DAY}+00:00"}),
        ("epoch: milliseconds", {"1714557600000": f"{DAY}+00:00"}),
        (
            "timezone: Europe/Berlin",
            {DAY: f"{DAY}+02:00", "2024-01-05 10:00:00": "2024-01-05 10:00:00+01:00"},
        ),
    ],
)
def test_times_are_read_in_the_form_that_is_declared(given, declared, written):
    text = ORDERS + "".join(order(n, when=when) for n, when in enumerate([*written, "next week"]))
    delivery = given(
        {"OnlineTransactions.csv": text}, f"files:\n  online_transactions:\n    {declared}\n"
    )
    found = delivery.column("online_transactions", "DateTime")
    assert found.pop() == "next week"
    for value, expected in zip(found, written.values(), strict=True):
        read, meant = datetime.fromisoformat(value), datetime.fromisoformat(expected)
        if meant.tzinfo and not read.tzinfo:  # no offset says UTC
            meant = meant.replace(tzinfo=None)
        assert read == meant


def test_times_are_left_alone_where_nothing_is_declared(given):
    times = ["01-May-24", "45413", "1714557600", "2024-05-01 10:00:00 UTC", "2024/05/01 10:00"]
    text = ORDERS + "".join(order(n, when=when) for n, when in enumerate(times))
    delivery = given({"OnlineTransactions.csv": text})
    assert delivery.column("online_transactions", "DateTime") == times


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        (
            'currency_signs: ["$", "€", USD]',
            {"$12.50": "12.50", "€12.50": "12.50", "12.50 USD": "12.50", "-$12.50": "-12.50"},
        ),
        ('thousands: ","', {"1,234.50": "1234.50", "1,234,567.8": "1234567.8"}),
        (
            '{thousands: ",", currency_signs: ["$"]}',
            {"$1,234.50": "1234.50", "$ 1,234": "1234"},
        ),
        ('decimal: ","', {"12,50": "12.50", "-0,5": "-0.5", "7": "7"}),
        ('{decimal: ",", thousands: "."}', {"1.234,50": "1234.50", "1.234": "1234"}),
        ('{decimal: ",", thousands: " "}', {"1\u202f234,50": "1234.50", "1 234 567": "1234567"}),
        (
            "negatives: [parentheses, trailing]",
            {"(12.50)": "-12.50", "12.50-": "-12.50", "-3": "-3"},
        ),
    ],
)
def test_amounts_are_read_in_the_form_that_is_declared(given, declared, written):
    text = ORDERS + "".join(order(n, amount=amount) for n, amount in enumerate([*written, "free"]))
    inner = declared.strip("{}") if declared.startswith("{") else declared
    delivery = given(
        {"OnlineTransactions.csv": text}, f"files: {{online_transactions: {{{inner}}}}}"
    )
    assert delivery.column("online_transactions", "Amount") == [*written.values(), "free"]


def test_amounts_are_left_alone_where_nothing_is_declared(given):
    amounts = ["$12.50", "1,234.50", "12,50", "(12.50)", "12.50-", "−5.00", "1.2E+03", "NaN", ""]
    text = ORDERS + "".join(order(n, amount=amount) for n, amount in enumerate(amounts))
    delivery = given({"OnlineTransactions.csv": text})
    assert delivery.column("online_transactions", "Amount") == amounts


def test_a_semicolon_file_with_decimal_commas_in_its_amounts_is_refused(given):
    text = (ORDERS + f"1,1,10,{DAY},Cash,10.00,Completed\n").replace(",", ";").replace(".", ",")
    delivery = given({"OnlineTransactions.csv": text})
    assert "decimal" in delivery.refused["OnlineTransactions.csv"]
    declared = given(
        {"OnlineTransactions.csv": text}, 'files: {online_transactions: {decimal: ","}}'
    )
    assert declared.column("online_transactions", "Amount") == ["10.00"]


def semicolons(*amounts, separator=";"):
    rows = [f"{n},1,10,{DAY},Cash,*{a}*,Completed\n" for n, a in enumerate(amounts, 1001)]
    text = (ORDERS + "".join(rows)).replace(",", separator)
    for amount in amounts:
        text = text.replace(f"*{amount}*".replace(",", separator), amount)
    return {"OnlineTransactions.csv": text}


@pytest.mark.parametrize(
    ("amounts", "declared", "keys"),
    [
        (["1.234", "900"], "", ['decimal: ","', 'thousands: "."', 'decimal: "."']),
        (["1.234,50", "1.234"], "", ['decimal: ","', 'thousands: "."']),
        (["1.234,50", "1.234"], 'decimal: ","', ['thousands: "."']),
        (["1.234", "12,50"], 'decimal: ","', ['thousands: "."']),
    ],
)
def test_points_that_may_be_between_thousands_are_refused(given, amounts, declared, keys):
    sources = f"files: {{online_transactions: {{{declared}}}}}" if declared else None
    reason = given(semicolons(*amounts), sources).refused["OnlineTransactions.csv"]
    assert all(f"`{key}`" in reason for key in keys)
    assert amounts[0] in reason


@pytest.mark.parametrize(
    ("amounts", "declared"),
    [
        (["1.234", "9.50"], ""),
        (["0.125", "0.250"], ""),
        (["1.234", "900"], 'decimal: "."'),
        (["1.234", "9.50"], 'decimal: ","'),
        (["1234", "900"], ""),
    ],
)
def test_decimal_points_in_a_semicolon_file_are_read(given, amounts, declared):
    sources = f"files: {{online_transactions: {{{declared}}}}}" if declared else None
    delivery = given(semicolons(*amounts), sources)
    assert delivery.column("online_transactions", "Amount") == amounts


@pytest.mark.parametrize("separator", ["\t", "|"])
def test_decimal_commas_are_told_of_between_other_separators_too(given, separator):
    reason = given(semicolons("12,50", "3", separator=separator)).refused["OnlineTransactions.csv"]
    assert 'decimal: ","' in reason
    thousands = given(semicolons("1,234", "3", separator=separator))
    assert thousands.column("online_transactions", "Amount") == ["1,234", "3"]


def test_words_for_nothing_are_none_when_declared(given):
    text = "CustomerID,Name,Email,Address\n6,-,NULL,<null>\n7,a-b,- ,\n"
    plain = given({"Customers.csv": text})
    assert plain.values("customers") == [["6", "-", "NULL", "<null>"], ["7", "a-b", "- ", ""]]
    declared = given(
        {"Customers.csv": text + "8,Di,d,x\n"}, 'files: {customers: {null_words: ["-", "<null>"]}}'
    )
    first, second, _ = declared.values("customers")
    assert first == ["6", None, "NULL", None]
    assert second[:2] == ["7", "a-b"]


def test_columns_of_other_names_are_found_where_they_are_declared(given):
    text = "Name;Who;Item;Date;Time;Total;Quantity;State\n1001;1;10;2024-05-01;10:00;2.50;4;paid\n"
    delivery = given(
        {"orders_export_1.csv": text},
        """
        files:
          online_transactions:
            files: ["orders_export*"]
            columns: {OrderID: Name, CustomerID: Who, ProductID: Item, DateTime: [Date, Time],
                      PaymentMethod: State, Status: State}
            expressions: {Amount: 'cast(Total as decimal(18, 2)) * cast(Quantity as integer)'}
        """,
    )
    [row] = delivery.values("online_transactions")
    assert [row[i] for i in (0, 1, 2, 3, 6)] == ["1001", "1", "10", "2024-05-01 10:00", "paid"]
    assert float(row[5]) == 10


# Files that are refused


def refusal(given, name, content):
    """Return why a file is refused; what came with it is read all the same."""
    delivery = given({name: content, "Products.csv": PRODUCTS})
    assert len(delivery.rows("products")) == 2
    assert list(delivery.refused) == [name]
    assert not delivery.rows("customers")
    assert "\n" not in delivery.refused[name]
    return delivery.refused[name]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (packed({"Customers.csv": CUSTOMERS}), "ZIP|Excel"),
        (workbook([["CustomerID"], [1]]), "ZIP|Excel"),
        (gzip.compress(CUSTOMERS.encode()), "gzip"),
        ("<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n", "web page"),
        ("\n <html lang='en'><body>Sign in</body></html>\n", "web page"),
        ("\ufeff<!-- saved --><center>Access denied</center>", "web page"),
        ("<Workbook><Worksheet/></Workbook>", "XML"),
        (b"BZh91AY&SY" + bytes(range(200)), "packed"),
        ("", "empty"),
        ("\n\r\n\n", "empty|header"),
    ],
    ids=[
        *("ZIP", "Excel", "gzip", "web page", "web page after blanks", "part of a page", "XML"),
        *("bzip2", "empty", "blank lines"),
    ],
)
def test_what_is_no_csv_file_is_told_as_what_it_is(given, content, words):
    assert re.search(words, refusal(given, "Customers.csv", content))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("Customers.csv.gz", CUSTOMERS.encode(), "gzip"),
        ("Customers.csv.gz", gzip.compress(CUSTOMERS.encode() * 50)[:-20], "gzip"),
        ("Customers.csv.gz", b"", "empty|gzip"),
        ("Customers.zip", CUSTOMERS.encode(), "ZIP"),
        ("Customers.zip", packed({"a.csv": CUSTOMERS, "b.csv": CUSTOMERS}), "ZIP.*2 files"),
        ("Customers.zip", packed({}), "ZIP"),
        ("Customers.zip", locked(packed({"Customers.csv": CUSTOMERS})), "password"),
        ("Customers.xlsx", CUSTOMERS.encode(), "Excel"),
        ("Customers.xlsx", b"<html><body>Sign in</body></html>", "web page"),
        ("Customers.parquet", CUSTOMERS.encode(), "Parquet"),
        ("Customers.parquet", b"<html><body>Sign in</body></html>", "web page"),
        ("Customers.parquet", gzip.compress(CUSTOMERS.encode()), "gzip"),
        ("Customers.jsonl", CUSTOMERS.encode(), "JSON"),
    ],
    ids=[
        *("no gzip", "cut gzip", "empty gzip", "no ZIP", "two files in a ZIP", "empty ZIP"),
        "ZIP with a password",
        *("no workbook", "a page for a workbook", "no Parquet", "a page for Parquet"),
        *("gzip for Parquet", "no JSON"),
    ],
)
def test_what_is_not_what_its_name_says_is_refused(given, name, content, words):
    assert re.search(words, refusal(given, name, content))


def test_text_in_an_older_encoding_is_refused_and_read_when_declared(given):
    content = (CUSTOMERS + "3,José,jose@example.com,Año 5\n").encode("cp1252")
    reason = refusal(given, "Customers.csv", content)
    assert "encoding" in reason
    assert re.search(r"line 4\b", reason)
    declared = given({"Customers.csv": content}, "files: {customers: {encoding: cp1252}}")
    assert declared.values("customers")[2] == ["3", "José", "jose@example.com", "Año 5"]


def test_utf_16_is_read_with_its_mark_and_refused_without(given):
    for encoding in ("utf-16", "utf-32"):
        marked = given({f"Customers_{encoding}.csv": CUSTOMERS.encode(encoding)})
        assert marked.values("customers") == TWO
    reason = refusal(given, "Customers.csv", CUSTOMERS.encode("utf-16-be"))
    assert "UTF-16" in reason
    assert "encoding: utf-16-be" in reason
    declared = given(
        {"Customers.csv": CUSTOMERS.encode("utf-16-be")},
        "files: {customers: {encoding: utf-16-be}}",
    )
    assert declared.values("customers") == TWO


def test_title_lines_are_refused_with_where_the_header_is_and_read_when_declared(given):
    text = "Customer list,,,\nPrinted 2024-05-31,,,\n,,,\n" + CUSTOMERS
    reason = refusal(given, "Customers.csv", text)
    assert re.search(r"line 4\b", reason)
    assert "skip_lines: 3" in reason
    declared = given({"Customers.csv": text}, "files: {customers: {skip_lines: 3}}")
    assert declared.values("customers") == TWO
    without = given({"Customers_2.csv": CUSTOMERS}, "files: {customers: {skip_lines: 3}}")
    assert "its header is in line 1, which `skip_lines: 3`" in without.refused["Customers_2.csv"]


def test_a_header_without_a_needed_column_is_told_what_is_missing_and_what_is_there(given):
    text = "CustomerID,FullName,Email,Place\n1,Ann,a@example.com,x\n"
    reason = refusal(given, "Customers.csv", text)
    for name in ("Name", "Address", "FullName", "Place"):
        assert re.search(rf"\b{name}\b", reason)
    assert "columns" in reason


def test_a_header_in_brackets_is_not_taken_for_json(given):
    brackets = "[CustomerID],[Name],[Email],[Address]\n1,Ann,a,x\n"
    assert "columns" in refusal(given, "Customers.csv", brackets)
    files = {"Customers.csv": '[\n {"a": 1}]', "Stores.csv": '{"a": 1}\n', "Agents.csv": "[]"}
    assert all("JSON" in reason for reason in given(files).refused.values())


def test_a_file_without_a_header_is_refused_without_telling_its_rows(given):
    reason = refusal(given, "Customers.csv", CUSTOMERS.partition("\n")[2])
    assert "Ann Able" not in reason
    assert "CustomerID" in reason


def test_an_expression_over_a_column_that_a_file_lacks_costs_that_file_only(given):
    delivery = given(
        {"Products.csv": PRODUCTS, "Customers.csv": CUSTOMERS},
        "files: {products: {expressions: {Price: '\"Net price\" * 2'}}}",
    )
    assert "Net price" in delivery.refused["Products.csv"]
    assert delivery.values("customers") == TWO
