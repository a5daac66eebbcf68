"""A shop of which everything is declared that can be, as files, and how its sources declare them.

Its keys are text (customers, products, orders, loyalty accounts), its orders have lines, its list
of agents is complete each time, its amounts have a currency, and its rows are what is hard for an
engine: keys that differ in case alone, texts that a cut leaves with blanks, offsets, years that
nobody was there in, refunds and values that cannot be read. It comes in two batches.
"""

from __future__ import annotations

from pathlib import Path

SOURCES = """
files:
  customers: {keys: text, unknown_keys: [guest, "-1"], extra: [Phone, BirthDate, LoyaltyID]}
  products: {keys: text}
  stores: {unknown_keys: ["999"]}
  agents: {load: full}
  online_transactions: {keys: text, rows: lines, currency: {column: Currency}}
  in_store_transactions: {rows: lines, currency: {column: Currency}, unknown_keys: ["0"]}
  loyalty_accounts: {keys: text}
apis: []
"""
TEXT_KEYS = ["customers", "products", "online_transactions", "loyalty_accounts"]

LONGEST_KEY = "k" * 63 + "😀"  # 64 characters
CUT = "n" * 99 + " after the cut"  # which leaves a blank at the end
LONG = "Ł" * 99 + "😀" + "x"

FIRST = {
    "Customers_2026-11-20.csv": f"""CustomerID,Name,Email,Address,Birth Date,phone,Loyalty_ID
C-1,Ann,ann@example.org,1 Road,1980-02-29,030 1,L-1
c-1,"Ann, the other",,N/A,N/A, +49 30 2\u00a0,"L""/\\1"
C 2,{CUT},zoë@example.org,"2 Road\nBackyard",29.2.1980,"030\n3\t4",{LONG}{LONG}{LONG}
{LONGEST_KEY},{LONG},😀,\u00a0blanks\u00a0,\u200b😀\ufeff,NULL,"{{""a"": [1]}}"
{LONGEST_KEY}k,Too Long,,,,030 5,L-9
-1,Reserved,,,,,
,No Key,,,,030 6,
guest,Guest,,,,,
17850.0,Digits,digits@example.org,,\u00a0,,17850.0
C-9,Leaves nothing,,,,,
C-1,Ann,ann@example.org,1 Road,1980-02-29,030 1,L-1
C-1,Ann B.,ann@example.org,1 Road,1980-02-29,030 1,L-1
C-1,Ann B.,ann@example.org,1 Road,1980-02-29,030 7,
""",
    "Products_2026-11-20.csv": """ProductID,Name,Category,Price
SKU-1,Desk,Furniture,100.005
sku-1,Lamp,Furniture,free
P 3,Toy,Toys,-1.5
P-4,,,99999999999999999999
P-5,Refunded only,Toys,.5
""",
    "Stores_2026-11-20.csv": """StoreID,Location,Manager,OpenHours
1,North,Kim,9-17
2.0,South,,
'3,Only refunds,Lee,
999,Nowhere,,
x,No Number,,
""",
    "Agents_2026-11-20.csv": """AgentID,Name,Department,Shift
1,Kim,Billing,day
2,Lee,Returns,night
3,Leaves,Returns,night
3,Leaves later,Returns,night
""",
    "OnlineTransactions_2026-11-20.csv": f"""\
OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status,Currency
#1001,C-1,SKU-1,2026-10-25T00:30:00Z,credit card,10.005,delivered,EUR
#1001,C-1,sku-1,2026-10-25T00:30:00Z,Credit Card,20,Delivered,eur
#1001,C-1,sku-1,2026-10-25T00:30:00Z,Credit Card,20,Delivered,EUR
#1001,C-1,P 3,2026-10-25T00:30:00Z,Credit Card,-5,Refunded,
#1002,c-1,P 3,2026/3/8 7:05:00 -0600,Paypal,0.00,Canceled,EUR
#1002,c-1,P-5,2026/3/8 7:05:00 -0600,Paypal,12.34,shipped,
#1003,guest,P-5,2026-03-08 08:30:00.125,Beads,-7,Delivered,EUR
#1004,nobody,SKU-9,0001-01-01T00:30:00+05:00,Beads,1,Delivered,EUR
#1004,nobody,SKU-9,0001-01-02T12:00:00,Beads,1,Verschickt,EUR
#1005,{LONGEST_KEY},{LONGEST_KEY}k,1985-01-01,Cash,3,Delivered,EUR
#1006,{LONGEST_KEY}k,P-4,2099-12-31,Cash,4,Delivered,EUR
#1007,17850.0,-1,9999-12-31 23:59:59,Cash,5,Abgebucht,EUR
#1008,C 2,P 3,2026-11-01,Cash,999999999999999.99,Pending,EUR
#1009,C 2,P 3,2026-13-01,Cash,5,Pending,EUR
#1010,C 2,P 3,2026-11-01,Cash,five,Pending,EUR
,C 2,P 3,2026-11-01,Cash,5,Pending,EUR
#1011,C-9,SKU-1,2026-11-02T23:59:59Z,Cash,33.33,Pending,EUR
#1012,C-9,SKU-1,11/02/2026 11:59 PM,NULL,33.34,,EUR
""",
    "InStoreTransactions_2026-11-20.csv": """\
TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod,Currency
1,C-1,1,2026-11-01T10:00:00+01:00,0.00,Cash,EUR
1,C-1,1,2026-11-01T10:00:00+01:00,-0.005,Cash,EUR
2,C-1,3,2026-11-01 10:00,-9.99,Cash,EUR
3,c-1,999,2026-11-01 10:00,9.99,cash,EUR
4,0,2,2026-11-01 10:00,8,Gold,
5,C 2,two,2026-11-02 24:00:00,8,Gold,
6,C 2,two,2026-11-02 23:00:00,8,Gold,
007,C-9,12.5,2026-11-02 23:00:00,8,Shells,
""",
    "CustomerServiceInteractions_2026-11-20.csv": f"""\
InteractionID,CustomerID,DateTime,AgentID,IssueType,ResolutionStatus
1,C-1,2026-11-03T09:00:00Z,1,Billing,resolved
2,C-1,2026-11-03T09:00:00Z,one,{LONG},Closed
3,{LONGEST_KEY}k,2026-11-03T09:00:00Z,3,Billing,Offen
4,guest,1985-11-03,2,,
5,c-1,2026-11-04 9:05 Z,-7,Billing,Unresolved
""",
    "LoyaltyAccounts_2026-11-20.csv": f"""LoyaltyID,CustomerID,PointsEarned,TierLevel,JoinDate
L-1,C-1,9223372036854775807,gold,2024-02-29
l-1,c-1,1.5,Emerald,31.12.2024
L-2,{LONGEST_KEY}k,many,,0000-01-01
L-3,C 2,-5,,9999-12-31
""",
    "LoyaltyTransactions_2026-11-20.csv": """LoyaltyID,DateTime,PointsChange,Reason
L-1,2026-11-03 09:00:00.50,5,Purchase
L-1,2026-11-03 09:00:00.5,-5,Correction
L-1,2026-11-03 09:00:00.51,5,Purchase
L-1,2026-11-03 09:00:00.5,5,Purchase
l-1,2026-11-03T09:00:00+00:30,1,Purchase
L-9,1985-11-03,7,Nobody's
L-2,2026-11-03,1.5,
""",
}  # fmt: skip

SECOND = {
    # Of one of its customers only the phone is another; what no file has is not kept from before.
    "Customers_2026-11-21.csv": """CustomerID,Name,Email,Address,Phone,LoyaltyID
C-1,Ann C.,ann@example.org,1 Road,030 7,
c-1,"Ann, the other",,,+49 30 8,"L""/\\1"
""",
    "Agents_2026-11-21.csv": """AgentID,Name,Department,Shift
1,Kim,Billing,day
2,Lee,Returns,day
""",
    # The order has one line less now; of another one only the second line says the same.
    "OnlineTransactions_2026-11-21.csv": """\
OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status,Currency
#1001,C-1,SKU-1,2026-10-25T00:30:00Z,Credit Card,11,Delivered,EUR
#1001,C-1,sku-1,2026-10-25T00:30:00Z,Credit Card,20,Delivered,EUR
#1020,C-9,P 3,2026-11-20T22:00:00-05:00,Cash,1,Delivered,EUR
#1020,C-9,P-5,2026-11-20T22:00:00-05:00,Cash,2,Delivered,EUR
#1020,C-9,P-5,2026-11-20T22:00:00-05:00,Cash,3,Delivered,EUR
""",
    # Of an earlier day than what is there: it changes nothing.
    "InStoreTransactions_2026-11-19.csv": """\
TransactionID,CustomerID,StoreID,DateTime,Amount,PaymentMethod,Currency
1,C-1,1,2026-11-01T10:00:00+01:00,0.00,Cash,EUR
2,C-1,3,2026-11-01 10:00,-1.00,Cash,EUR
""",
    "LoyaltyTransactions_2026-11-21.csv": """LoyaltyID,DateTime,PointsChange,Reason
L-1,2026-11-03 09:00:00.500,6,Purchase
L-1,2026-11-03 09:00:00.500,-6,Correction
""",
}  # fmt: skip


def write(files: dict[str, str], folder: Path) -> None:
    """Write a batch's files."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
