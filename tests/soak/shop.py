"""A shop whose numbers are known beforehand: what it delivers, what the answers must be."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

CUSTOMERS = 40
ORDERS = 60  # a delivery


def word(customer: int, place: int) -> str:
    """Return a word of a customer, unlike those of others: whoever is alike may be one person."""
    chosen = random.Random(f"{customer} {place}")
    return "".join(chosen.choices(string.ascii_lowercase, k=chosen.randint(5, 10))).title()


def email(customer: int) -> str:
    """Return a customer's e-mail address."""
    return f"{word(customer, 4).lower()}@{word(customer, 5).lower()}.example"


@dataclass(frozen=True)
class State:
    """What a reader may see: orders that count with their sum, customers, orders of nobody."""

    orders: int
    amount: str
    customers: int
    unknown: int


@dataclass
class Delivery:
    """One file of orders, and of the customers who are new with it."""

    number: int
    orders: dict[int, tuple[int, Decimal]]  # by order: customer, amount
    customers: list[int]
    batch: str = ""
    retracted: bool = False

    def write(self, folder: Path) -> None:
        """Write the files into an empty folder."""
        for old in folder.iterdir():
            old.unlink()
        name = f"{self.number:04}"
        rows = "".join(
            f"{order},{customer},1,2026-01-{order % 28 + 1:02} 10:00:00,Card,{amount},Completed\n"
            for order, (customer, amount) in self.orders.items()
        )
        (folder / f"OnlineTransactions_{name}.csv").write_text(
            "OrderID,CustomerID,ProductID,DateTime,PaymentMethod,Amount,Status\n" + rows
        )
        people = "".join(
            f"{n},{word(n, 0)} {word(n, 1)},{email(n)},{n} {word(n, 2)} {word(n, 3)}\n"
            for n in self.customers
        )
        (folder / f"Customers_{name}.csv").write_text("CustomerID,Name,Email,Address\n" + people)


@dataclass
class Shop:
    """All that was delivered, who is forgotten, and what is published of it."""

    random: random.Random
    deliveries: list[Delivery] = field(default_factory=list)
    forgotten: set[int] = field(default_factory=set)
    published: list[State] = field(default_factory=list)  # the versions, the newest last

    def next_delivery(self) -> Delivery:
        """Make another one: new orders, some that correct earlier ones, new customers."""
        number = len(self.deliveries) + 1
        first = number * 1000
        customers = list(range(number * 100, number * 100 + CUSTOMERS // 4))
        known = [c for each in self.deliveries for c in each.customers] + customers
        orders = {
            first + n: (self.random.choice(known), Decimal(self.random.randint(100, 99_999)) / 100)
            for n in range(ORDERS)
        }
        earlier = [order for each in self.deliveries for order in each.orders]
        for order in self.random.sample(earlier, min(3, len(earlier))):
            orders[order] = (self.random.choice(known), Decimal(self.random.randint(100, 999)))
        return Delivery(number, orders, customers)

    def counting(self, also: Delivery | None = None) -> Iterator[Delivery]:
        """Yield the deliveries that count."""
        yield from (each for each in self.deliveries if not each.retracted)
        if also:
            yield also

    def state(
        self, also: Delivery | None = None, without: Delivery | None = None, forget: int = 0
    ) -> State:
        """Return what is to be published of all that arrived, with or without something."""
        gone = self.forgotten | {forget}
        orders: dict[int, tuple[int, Decimal]] = {}
        customers: set[int] = set()
        for each in self.counting(also):
            if each is not without:
                orders |= each.orders
                customers |= set(each.customers) - gone
        return State(
            len(orders),
            f"{sum((amount for _, amount in orders.values()), Decimal(0)):.2f}",
            len(customers),
            sum(customer not in customers for customer, _ in orders.values()),
        )
