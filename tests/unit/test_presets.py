"""Presets: exports that many shops have, each as a small made-up file of its layout."""

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import pytest

from ingest.declarations import load_declarations
from ingest.landing import land
from lake.local import LocalLake
from tests.support.reading import CONTRACT, read_rows

PRESETS = Path(__file__).parents[2] / "ingest" / "presets"


def read(tmp_path, preset, files):
    """Return the rows of each entity that a folder of files is read as."""
    inbox = tmp_path / "in"
    inbox.mkdir()
    for name, text in files.items():
        (inbox / name).write_text(text, encoding="utf-8")
    lake = LocalLake(tmp_path / "lake")
    declarations = load_declarations(PRESETS / f"{preset}.yml", CONTRACT)
    result = land(lake, CONTRACT, inbox, declarations)
    assert result.unrecognised == []
    return {record.entity: read_rows(lake, result.batch_id, record) for record in result.records}


def export(header, *rows):
    """Return a CSV file; what a row does not name is blank."""
    text = io.StringIO()
    writer = csv.DictWriter(text, header.split(","), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def columns(rows, *names):
    return [tuple(row[name] for name in names) for row in rows]


def total(rows, column="Amount"):
    return sum(Decimal(row[column]) for row in rows)


SHOPIFY_ORDERS = export(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,"
    "Taxes,Total,Discount Code,Discount Amount,Created at,Lineitem quantity,Lineitem name,"
    "Lineitem price,Lineitem compare at price,Lineitem sku,Lineitem requires shipping,"
    "Lineitem discount,Billing Name,Cancelled at,Payment Method,Payment Reference,"
    "Refunded Amount,Id,Phone",
    {
        "Name": "#1001", "Email": "Ada@Example.com", "Financial Status": "paid",
        "Paid at": "2024-05-01 10:00:05 +0200", "Fulfillment Status": "fulfilled",
        "Currency": "EUR", "Subtotal": "47.50", "Shipping": "5.00", "Taxes": "7.58",
        "Total": "52.50", "Discount Amount": "0.00", "Created at": "2024-05-01 10:00:00 +0200",
        "Lineitem quantity": "2", "Lineitem name": "Mug", "Lineitem price": "10.00",
        "Lineitem sku": "MUG-1", "Lineitem requires shipping": "true",
        "Lineitem discount": "0.00", "Billing Name": "Ada Able",
        "Payment Method": "Shopify Payments", "Payment Reference": "r1",
        "Refunded Amount": "0.00", "Id": "5551", "Phone": "'+4930123",
    },
    {
        "Name": "#1001", "Email": "Ada@Example.com", "Created at": "2024-05-01 10:00:00 +0200",
        "Lineitem quantity": "1", "Lineitem name": "Lamp - Red", "Lineitem price": "30.00",
        "Lineitem compare at price": "35.00", "Lineitem sku": "LAMP-R",
        "Lineitem requires shipping": "true", "Lineitem discount": "2.50",
    },
    {
        "Name": "#1002", "Email": "bob@example.com", "Financial Status": "refunded",
        "Paid at": "2024-05-02 11:00:05 +0200", "Currency": "EUR", "Subtotal": "35.00",
        "Shipping": "0.00", "Taxes": "5.59", "Total": "35.00", "Discount Amount": "0.00",
        "Created at": "2024-05-02 11:00:00 +0200", "Lineitem quantity": "1",
        "Lineitem name": "Mug", "Lineitem price": "10.00", "Lineitem sku": "MUG-1",
        "Lineitem requires shipping": "true", "Lineitem discount": "0.00",
        "Billing Name": "Bob Best", "Payment Method": "Gift Card", "Payment Reference": "r2",
        "Refunded Amount": "35.00", "Id": "5552",
    },
    {
        "Name": "#1002", "Email": "bob@example.com", "Created at": "2024-05-02 11:00:00 +0200",
        "Lineitem quantity": "1", "Lineitem name": "Poster", "Lineitem price": "25.00",
        "Lineitem requires shipping": "true", "Lineitem discount": "0.00",
    },
    {
        "Name": "#1003", "Financial Status": "pending", "Currency": "EUR", "Subtotal": "10.00",
        "Shipping": "0.00", "Taxes": "1.60", "Total": "10.00", "Discount Amount": "0.00",
        "Created at": "2024-05-03 12:00:00 +0200", "Lineitem quantity": "1",
        "Lineitem name": "Mug", "Lineitem price": "10.00", "Lineitem sku": "MUG-1",
        "Lineitem requires shipping": "true", "Lineitem discount": "0.00", "Id": "5553",
    },
    {
        "Name": "#1004", "Email": "ada@example.com", "Financial Status": "paid",
        "Currency": "EUR", "Subtotal": "10.00", "Shipping": "0.00", "Taxes": "1.60",
        "Total": "10.00", "Discount Amount": "0.00", "Created at": "2024-05-04 12:00:00 +0200",
        "Lineitem quantity": "1", "Lineitem name": "Mug", "Lineitem price": "10.00",
        "Lineitem sku": "MUG-1", "Lineitem requires shipping": "true",
        "Lineitem discount": "0.00", "Cancelled at": "2024-05-04 13:00:00 +0200",
        "Payment Method": "PayPal", "Id": "5554",
    },
)  # fmt: skip
SHOPIFY_CUSTOMERS = export(
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,"
    "Default Address Company,Default Address Address1,Default Address Address2,"
    "Default Address City,Default Address Province Code,Default Address Country Code,"
    "Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,"
    "Total Orders,Note,Tax Exempt,Tags",
    {
        "Customer ID": "'7001", "First Name": "Ada", "Last Name": "Able",
        "Email": "Ada@Example.com", "Accepts Email Marketing": "yes",
        "Default Address Address1": "1 Main St", "Default Address City": "Berlin",
        "Default Address Province Code": "BE", "Default Address Country Code": "DE",
        "Default Address Zip": "'01115", "Accepts SMS Marketing": "no", "Total Spent": "47.50",
        "Total Orders": "1", "Tax Exempt": "no",
    },
    {
        "Customer ID": "'7002", "First Name": "Cy", "Accepts Email Marketing": "no",
        "Phone": "+4930999", "Accepts SMS Marketing": "no", "Total Spent": "0.00",
        "Total Orders": "0", "Tax Exempt": "no",
    },
)  # fmt: skip
SHOPIFY_PRODUCTS = export(
    "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,"
    "Option1 Value,Variant SKU,Variant Grams,Variant Price,Variant Compare At Price,"
    "Image Src,Image Position,Status",
    {
        "Handle": "mug", "Title": "Mug", "Body (HTML)": "<p>A mug</p>", "Vendor": "Acme",
        "Product Category": "Home & Garden > Kitchen", "Type": "Kitchen", "Published": "true",
        "Option1 Name": "Title", "Option1 Value": "Default Title", "Variant SKU": "MUG-1",
        "Variant Grams": "300", "Variant Price": "10.00", "Image Src": "m1.jpg",
        "Image Position": "1", "Status": "active",
    },
    {
        "Handle": "mug", "Image Src": "m2.jpg", "Image Position": "2",
    },
    {
        "Handle": "lamp", "Title": "Lamp", "Vendor": "Acme",
        "Product Category": "Home & Garden > Lighting", "Published": "true",
        "Option1 Name": "Color", "Option1 Value": "Red", "Variant SKU": "LAMP-R",
        "Variant Grams": "900", "Variant Price": "30.00", "Variant Compare At Price": "35.00",
        "Image Src": "l1.jpg", "Image Position": "1", "Status": "active",
    },
    {
        "Handle": "lamp", "Option1 Value": "Blue", "Variant SKU": "LAMP-B",
        "Variant Grams": "900", "Variant Price": "32.00",
    },
    {
        "Handle": "poster", "Title": "Poster", "Vendor": "Acme", "Type": "Art",
        "Published": "true", "Option1 Name": "Title", "Option1 Value": "Default Title",
        "Variant Grams": "50", "Variant Price": "25.00", "Status": "active",
    },
)  # fmt: skip


def test_shopify(tmp_path):
    read_as = read(
        tmp_path,
        "shopify",
        {
            "orders_export_1.csv": SHOPIFY_ORDERS,
            "customers_export.csv": SHOPIFY_CUSTOMERS,
            "products_export_1.csv": SHOPIFY_PRODUCTS,
        },
    )
    orders = read_as["online_transactions"]
    assert columns(orders, "OrderID", "CustomerID", "ProductID", "Status", "PaymentMethod") == [
        ("#1001", "ada@example.com", "MUG-1", "Completed", "Shopify Payments"),
        ("#1001", "ada@example.com", "LAMP-R", "Completed", "Shopify Payments"),
        ("#1002", "bob@example.com", "MUG-1", "Refunded", "Gift Card"),
        ("#1002", "bob@example.com", "Poster", "Refunded", "Gift Card"),
        # Nothing of the order before: this one names nobody, and no way to pay.
        ("#1003", "", "MUG-1", "Pending", ""),
        ("#1004", "ada@example.com", "MUG-1", "Cancelled", "PayPal"),
    ]
    assert orders[1]["DateTime"] == "2024-05-01 10:00:00+02:00"
    # 2 x 10.00 + 30.00 - 2.50 = 47.50; 10.00 + 25.00; 10.00; 10.00
    assert [Decimal(row["Amount"]) for row in orders] == [
        20, Decimal("27.5"), 10, 25, 10, 10
    ]  # fmt: skip
    assert total(orders) == Decimal("102.50")
    assert total([row for row in orders if row["Status"] in ("Completed", "Pending")]) == Decimal(
        "57.50"
    )
    assert columns(read_as["customers"], "CustomerID", "Name", "Email", "Address") == [
        ("ada@example.com", "Ada Able", "Ada@Example.com", "1 Main St 01115 Berlin BE DE"),
        ("'7002", "Cy", "", ""),
    ]
    assert columns(read_as["products"], "ProductID", "Name", "Category", "Price") == [
        ("MUG-1", "Mug", "Kitchen", "10.00"),
        ("mug", "Mug", "Kitchen", ""),
        ("LAMP-R", "Lamp", "Home & Garden > Lighting", "30.00"),
        ("LAMP-B", "Lamp", "Home & Garden > Lighting", "32.00"),
        ("Poster", "Poster", "Art", "25.00"),
    ]


def test_shopify_lines_have_what_only_the_first_of_their_order_says(tmp_path):
    first = {
        "Name": "#1", "Email": "a@x", "Financial Status": "paid", "Payment Method": "manual",
        "Created at": "2024-05-01 10:00:00 +0200", "Lineitem name": "Mug",
        "Lineitem price": "5.00", "Lineitem quantity": "1", "Lineitem sku": "M",
    }  # fmt: skip
    second = {**dict.fromkeys(first, ""), "Name": "#1", "Lineitem name": "Lamp"}
    second |= {"Lineitem price": "7.00", "Lineitem quantity": "2"}
    header = ",".join([*first, "Lineitem discount", "Cancelled at"])
    orders = read(tmp_path, "shopify", {"orders_export_1.csv": export(header, first, second)})
    assert columns(
        orders["online_transactions"], "CustomerID", "DateTime", "Status", "ProductID", "Amount"
    ) == [
        ("a@x", "2024-05-01 10:00:00+02:00", "Completed", "M", "5.000000000000"),
        ("a@x", "2024-05-01 10:00:00+02:00", "Completed", "Lamp", "14.000000000000"),
    ]


WOOCOMMERCE_ORDERS = export(
    "order_id,order_number,order_number_formatted,date,status,shipping_total,"
    "shipping_tax_total,fee_total,tax_total,discount_total,order_total,refunded_total,"
    "order_currency,payment_method,shipping_method,customer_id,billing_email,customer_note,"
    "item_id,item_product_id,item_name,item_sku,item_quantity,item_subtotal,item_total,"
    "item_refunded",
    {
        "order_id": "501", "order_number": "501", "order_number_formatted": "501",
        "date": "2024-05-01 10:00:00", "status": "completed", "shipping_total": "5.00",
        "shipping_tax_total": "0", "fee_total": "0", "tax_total": "0", "discount_total": "2.00",
        "order_total": "43.00", "refunded_total": "0", "order_currency": "EUR",
        "payment_method": "stripe", "shipping_method": "flat_rate", "customer_id": "12",
        "billing_email": "ada@example.com", "item_id": "1", "item_product_id": "77",
        "item_name": "Mug", "item_sku": "MUG-1", "item_quantity": "2", "item_subtotal": "20.00",
        "item_total": "18.00", "item_refunded": "0",
    },
    {
        "order_id": "501", "order_number": "501", "order_number_formatted": "501",
        "date": "2024-05-01 10:00:00", "status": "completed", "shipping_total": "5.00",
        "shipping_tax_total": "0", "fee_total": "0", "tax_total": "0", "discount_total": "2.00",
        "order_total": "43.00", "refunded_total": "0", "order_currency": "EUR",
        "payment_method": "stripe", "shipping_method": "flat_rate", "customer_id": "12",
        "billing_email": "ada@example.com", "item_id": "2", "item_product_id": "78",
        "item_name": "Lamp", "item_sku": "LAMP", "item_quantity": "1", "item_subtotal": "20.00",
        "item_total": "20.00", "item_refunded": "0",
    },
    {
        "order_id": "502", "order_number": "502", "order_number_formatted": "502",
        "date": "2024-05-02 11:00:00", "status": "on-hold", "shipping_total": "0",
        "shipping_tax_total": "0", "fee_total": "0", "tax_total": "0", "discount_total": "0",
        "order_total": "20.00", "refunded_total": "5.00", "order_currency": "EUR",
        "payment_method": "bacs", "customer_id": "0", "billing_email": "guest@example.com",
        "item_id": "3", "item_product_id": "78", "item_name": "Lamp", "item_sku": "LAMP",
        "item_quantity": "1", "item_subtotal": "20.00", "item_total": "20.00",
        "item_refunded": "5.00",
    },
    {
        "order_id": "503", "order_number": "503", "order_number_formatted": "503",
        "date": "2024-05-03 12:00:00", "status": "cancelled", "shipping_total": "0",
        "shipping_tax_total": "0", "fee_total": "0", "tax_total": "0", "discount_total": "0",
        "order_total": "9.00", "refunded_total": "0", "order_currency": "EUR",
        "payment_method": "paypal", "customer_id": "13", "billing_email": "bob@example.com",
        "item_id": "4", "item_product_id": "77", "item_name": "Mug", "item_sku": "MUG-1",
        "item_quantity": "1", "item_subtotal": "9.00", "item_total": "9.00",
    },
)  # fmt: skip


def test_woocommerce(tmp_path):
    read_as = read(tmp_path, "woocommerce", {"orders-export-2024-05.csv": WOOCOMMERCE_ORDERS})
    orders = read_as["online_transactions"]
    assert columns(orders, "OrderID", "CustomerID", "ProductID", "DateTime", "Status") == [
        ("501", "12", "MUG-1", "2024-05-01 10:00:00", "completed"),
        ("501", "12", "LAMP", "2024-05-01 10:00:00", "completed"),
        ("502", "0", "LAMP", "2024-05-02 11:00:00", "on hold"),
        ("503", "13", "MUG-1", "2024-05-03 12:00:00", "cancelled"),
    ]
    # 18.00 + 20.00; 20.00 - 5.00; 9.00
    assert [Decimal(row["Amount"]) for row in orders] == [18, 20, 15, 9]
    assert total([row for row in orders if row["Status"] != "cancelled"]) == 53


SQUARE_TRANSACTIONS = export(
    "Date,Time,Time Zone,Gross Sales,Discounts,Net Sales,Gift Card Sales,Tax,Tip,"
    "Partial Refunds,Total Collected,Source,Card,Card Entry Methods,Cash,Square Gift Card,"
    "Other Tender,Other Tender Type,Other Tender Note,Fees,Net Total,Transaction ID,"
    "Payment ID,Card Brand,PAN Suffix,Device Name,Staff Name,Staff ID,Details,Description,"
    "Event Type,Location,Dining Option,Customer ID,Customer Name,Customer Reference ID",
    {
        "Date": "05/31/24", "Time": "21:18:15", "Time Zone": "Pacific Time (US & Canada)",
        "Gross Sales": "$1,250.00", "Discounts": "-$15.50", "Net Sales": "$1,234.50",
        "Gift Card Sales": "$0.00", "Tax": "$98.76", "Tip": "$0.00", "Partial Refunds": "$0.00",
        "Total Collected": "$1,333.26", "Source": "Point of Sale", "Card": "$1,333.26",
        "Card Entry Methods": "Chip", "Cash": "$0.00", "Square Gift Card": "$0.00",
        "Other Tender": "$0.00", "Fees": "-$34.66", "Net Total": "$1,298.60",
        "Transaction ID": "T1", "Payment ID": "P1", "Card Brand": "Visa", "PAN Suffix": "7685",
        "Device Name": "Till", "Staff Name": "Mia", "Description": "Sofa",
        "Event Type": "Payment", "Location": "North", "Customer ID": "C1",
        "Customer Name": "Ada Able",
    },
    {
        "Date": "06/01/24", "Time": "09:05:00", "Time Zone": "Pacific Time (US & Canada)",
        "Gross Sales": "$2.00", "Discounts": "$0.00", "Net Sales": "$2.00",
        "Gift Card Sales": "$0.00", "Tax": "$0.16", "Tip": "$0.00", "Partial Refunds": "$0.00",
        "Total Collected": "$2.16", "Source": "Point of Sale", "Card": "$0.00",
        "Card Entry Methods": "N/A", "Cash": "$2.16", "Square Gift Card": "$0.00",
        "Other Tender": "$0.00", "Fees": "$0.00", "Net Total": "$2.16", "Transaction ID": "T2",
        "Payment ID": "P2", "Device Name": "Till", "Staff Name": "Mia", "Description": "Cup",
        "Event Type": "Payment", "Location": "North",
    },
    {
        "Date": "2024-06-02", "Time": "10:00:00", "Time Zone": "Pacific Time (US & Canada)",
        "Gross Sales": "($2.00)", "Discounts": "$0.00", "Net Sales": "($2.00)",
        "Gift Card Sales": "$0.00", "Tax": "-$0.16", "Tip": "$0.00", "Partial Refunds": "$0.00",
        "Total Collected": "($2.16)", "Source": "Point of Sale", "Card": "$0.00",
        "Card Entry Methods": "N/A", "Cash": "($2.16)", "Square Gift Card": "$0.00",
        "Other Tender": "$0.00", "Fees": "$0.00", "Net Total": "($2.16)", "Transaction ID": "T3",
        "Payment ID": "P3", "Device Name": "Till", "Staff Name": "Mia", "Description": "Cup",
        "Event Type": "Refund", "Location": "South",
    },
    {
        "Date": "06/02/24", "Time": "11:00:00", "Time Zone": "Pacific Time (US & Canada)",
        "Gross Sales": "$5.00", "Discounts": "$0.00", "Net Sales": "$5.00",
        "Gift Card Sales": "$0.00", "Tax": "$0.40", "Tip": "$0.00", "Partial Refunds": "$0.00",
        "Total Collected": "$5.40", "Source": "Point of Sale", "Card": "$0.00",
        "Card Entry Methods": "N/A", "Cash": "$0.00", "Square Gift Card": "$0.00",
        "Other Tender": "$5.40", "Other Tender Type": "Check", "Fees": "$0.00",
        "Net Total": "$5.40", "Transaction ID": "T4", "Payment ID": "P4", "Device Name": "Till",
        "Staff Name": "Mia", "Description": "Bowl", "Event Type": "Payment", "Location": "South",
        "Customer ID": "C2", "Customer Name": "Bob Best",
    },
)  # fmt: skip


def test_square(tmp_path):
    read_as = read(
        tmp_path, "square", {"transactions-2024-05-31-2024-06-02.csv": SQUARE_TRANSACTIONS}
    )
    purchases = read_as["in_store_transactions"]
    assert columns(purchases, *CONTRACT["in_store_transactions"].needed) == [
        ("T1", "C1", "North", "2024-05-31 21:18:15", "1234.50", "Credit Card"),
        ("T2", "", "North", "2024-06-01 09:05:00", "2.00", "Cash"),
        ("T3", "", "South", "2024-06-02 10:00:00", "-2.00", "Cash"),
        ("T4", "C2", "South", "2024-06-02 11:00:00", "5.00", "Check"),
    ]
    # 1,234.50 + 2.00 - 2.00 + 5.00
    assert total(purchases) == Decimal("1239.50")


UCI_LINES = export(
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
    {
        "InvoiceNo": "536365", "StockCode": "85123A",
        "Description": "WHITE HANGING HOLDER, SMALL", "Quantity": "6",
        "InvoiceDate": "12/1/2010 8:26", "UnitPrice": "2.55", "CustomerID": "17850",
        "Country": "United Kingdom",
    },
    {
        "InvoiceNo": "536365", "StockCode": "71053", "Description": "WHITE METAL LANTERN",
        "Quantity": "6", "InvoiceDate": "12/1/2010 8:26", "UnitPrice": "3.39",
        "CustomerID": "17850.0", "Country": "United Kingdom",
    },
    {
        "InvoiceNo": "536370", "StockCode": "22728", "Description": "ALARM CLOCK",
        "Quantity": "24", "InvoiceDate": "12/13/2010 8:45", "UnitPrice": "3.75",
        "CustomerID": "12583", "Country": "France",
    },
    {
        "InvoiceNo": "C536379", "StockCode": "D", "Description": "Discount", "Quantity": "-1",
        "InvoiceDate": "12/1/2010 9:41", "UnitPrice": "27.5", "Country": "United Kingdom",
    },
)  # fmt: skip


def test_uci_online_retail(tmp_path):
    read_as = read(tmp_path, "uci_online_retail", {"Online Retail.csv": UCI_LINES})
    orders = read_as["online_transactions"]
    assert columns(orders, "OrderID", "CustomerID", "ProductID", "DateTime", "Status") == [
        ("536365", "17850", "85123A", "2010-12-01 08:26:00", "Completed"),
        ("536365", "17850", "71053", "2010-12-01 08:26:00", "Completed"),
        ("536370", "12583", "22728", "2010-12-13 08:45:00", "Completed"),
        ("C536379", "", "D", "2010-12-01 09:41:00", "Completed"),
    ]
    assert {row["PaymentMethod"] for row in orders} == {None}
    # 6 x 2.55 = 15.30; 6 x 3.39 = 20.34; 24 x 3.75 = 90.00; -27.50
    assert total(orders) == Decimal("98.14")


@pytest.mark.parametrize("preset", sorted(path.name for path in PRESETS.glob("*.yml")))
def test_each_preset_tells_what_it_is(preset):
    text = (PRESETS / preset).read_text(encoding="utf-8")
    comment = re.match(r"(#.*\n)+", text)[0]
    assert f"--sources ingest/presets/{preset}" in comment
    assert "# Limits: " in comment
