"""The made-up retailer: who it is and what happens there, chunk by chunk, the same for a seed.

Activity falls steeply from the keenest customer to the last ones, who buy once or never; keen
customers spend more at a time, are more often in the loyalty programme and climb its tiers. Days
and hours have the rhythm of their channel. Some of what was bought is brought back: a refund is a
row of its own, with a negative amount. A second batch continues the story: new rows after the first
batch's last day, and rows of the first batch that changed.

Some customers are one person; whose records they are is drawn in `persons`.

A retailer `with_lines` has a row for each product of an online order, all with the order's id, and
for a product that was sent back a further one; those who buy without an account are customer 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from demo import vocabulary as words
from demo.columns import (
    Column,
    Numbers,
    as_column,
    digits,
    either,
    joined,
    money,
    quoted,
    quoted_column,
    table,
    texts,
    times,
)
from demo.persons import Population

ENTITIES = (
    "customers",
    "products",
    "stores",
    "agents",
    "online_transactions",
    "in_store_transactions",
    "customer_service_interactions",
    "loyalty_accounts",
    "loyalty_transactions",
)

DAYS = 730
_LATER_DAYS = 37
_LATER_SHARE = 0.05  # of the first batch's rows: as many new ones a later batch brings
_JOINED_DAYS_BEFORE = 1095  # loyalty accounts are at most so much older than the first purchase
_CHUNK = 1 << 17
_DAY = 86_400

_LINES = np.array(
    [1, 1, 2, 1, 1, 1, 3, 1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 4, 1, 1, 2, 1, 1, 1, 3, 1, 1, 1, 2]
)
"""How many lines online orders have, in turn."""
_RANKS_BETWEEN_LINES = 37
_EVERY_REFUND = 101  # one of so many purchases is none, but refunds an earlier one
_PURCHASES_BETWEEN = 300  # the two
_EVERY_RETURN = 7  # of so many orders of three lines and more, one has its last line sent back
_GUESTS = {"online_transactions": 0.02, "in_store_transactions": 0.04}

_NEVER_BUY = 0.04
_STEEPNESS = 5.0  # the keenest customer buys e**5 times as often as the last
_NEW_AGENTS = 1  # the last one of the first batch has not had a contact yet

Ints = NDArray[np.int64]
_Random = np.random.Generator


@dataclass(frozen=True)
class Rows:
    """Some good rows of an entity: their columns by bronze name, as CSV text."""

    columns: Mapping[str, Column]
    moments: NDArray[np.int32] | None = None
    """When each happened, in seconds since the retailer's first day."""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def orders(self) -> Ints:
        """Number the rows, those with the id of the row before as that row: they are its order's
        further lines."""
        ids = next(iter(self.columns.values()))
        return np.cumsum(np.append(False, (ids[1:] != ids[:-1]).any(axis=1)))[: len(ids)]

    def take(self, which: slice | Ints) -> Rows:
        """Return the rows at these positions."""
        moments = None if self.moments is None else self.moments[which]
        return Rows({name: column[which] for name, column in self.columns.items()}, moments)

    def changed(self, **columns: Column) -> Rows:
        """Return the rows with other values in some columns."""
        return replace(self, columns={**self.columns, **columns})


@dataclass(frozen=True)
class Source:
    """All good rows of an entity, made when they are asked for."""

    bounds: Ints
    """The position at which each chunk begins, and the number of rows at the end."""
    make: Callable[[int], Rows]
    ends_of_days: Ints
    """How many rows there are at the end of each day; empty for what has no days."""

    def __len__(self) -> int:
        return int(self.bounds[-1])

    def between(self, start: int, stop: int) -> Iterator[Rows]:
        """Make the rows from `start` up to `stop`, a chunk at a time."""
        for chunk in range(len(self.bounds) - 1):
            first, end = int(self.bounds[chunk]), int(self.bounds[chunk + 1])
            if first < stop and end > start and first < end:
                rows = self.make(chunk)
                wanted = slice(max(start - first, 0), min(stop, end) - first)
                yield rows if wanted == slice(0, len(rows)) else rows.take(wanted)

    def chunk_start(self, position: int) -> int:
        """Return where the chunk begins that holds the row at `position`."""
        return int(self.bounds[np.searchsorted(self.bounds, position, side="right") - 1])


@dataclass(frozen=True)
class Sizes:
    """How many rows each entity has."""

    customers: int
    products: int
    stores: int
    agents: int
    online_transactions: int
    in_store_transactions: int
    customer_service_interactions: int
    loyalty_accounts: int
    loyalty_transactions: int

    @staticmethod
    def of(transactions: int) -> Sizes:
        """Scale everything with the number of transactions."""
        customers = max(50, transactions // 20)
        interactions = transactions // 15
        online = round(transactions * 0.6)
        return Sizes(
            customers=customers,
            products=min(max(transactions // 100, 200), 5000),
            stores=min(max(transactions // 100_000, 12), 200),
            agents=20 + interactions // 2500,
            online_transactions=online,
            in_store_transactions=transactions - online,
            customer_service_interactions=interactions,
            loyalty_accounts=round(customers * 0.4),
            loyalty_transactions=transactions // 5,
        )

    def later(self) -> Sizes:
        """Return how many new rows a later batch brings."""
        new = {name: max(1, round(rows * _LATER_SHARE)) for name, rows in vars(self).items()}
        return Sizes(**{**new, "stores": 0})


class Retailer:
    """A retailer over two years up to `end`, and the weeks after in its second batch."""

    def __init__(
        self, transactions: int, seed: int, end: date, *, with_lines: bool = False
    ) -> None:
        self.seed = seed
        self.with_lines = with_lines
        self._lines = _LINES if with_lines else _LINES[:1]
        self.first_day = end - timedelta(days=DAYS - 1)
        self.sizes = Sizes.of(transactions)
        self.later_sizes = self.sizes.later()
        # Keys of an entity all have the same number of digits, which makes them quick to write.
        self._key_base = {name: 10 ** len(str(2 * rows)) for name, rows in vars(self.sizes).items()}
        self._population = Population(seed)
        self._days = table(
            [
                str(self.first_day + timedelta(days=day))
                for day in range(-_JOINED_DAYS_BEFORE, DAYS + 2 * _LATER_DAYS)
            ]
        )
        self._meet_customers(self._random("customers", 0, -1))
        self._stock_products(self._random("products", 0, -1))
        self._hire_agents(self._random("agents", 0, -1))
        self._open_accounts(self._random("loyalty_accounts", 0, -1))

    # --- What a batch holds -------------------------------------------------------------------

    def source(self, entity: str, batch: int = 1) -> Source:
        """Return an entity's rows that are new in a batch."""
        sizes = self.sizes if batch == 1 else self.later_sizes
        first = 0 if batch == 1 else getattr(self.sizes, entity)
        rows = getattr(sizes, entity)
        rhythm = _RHYTHMS.get(entity)
        if rhythm is None:
            starts = np.append(np.arange(0, rows, _CHUNK), rows)

            def make(chunk: int) -> Rows:
                numbers = np.arange(starts[chunk], starts[chunk + 1]) + first
                return _MAKERS[entity](self, numbers, self._random(entity, batch, chunk))

            return Source(starts, make, np.empty(0, np.int64))

        days = self.days(batch)
        ends_of_days = self._ends_of_days(days, rhythm, rows)
        # Chunks are whole days, so that rows can be in order of time.
        chunk_of_day = (ends_of_days - 1).clip(0) // _CHUNK
        last_days = np.flatnonzero(np.append(np.diff(chunk_of_day) > 0, True))
        bounds = np.append(0, ends_of_days[last_days])
        per_day = np.diff(ends_of_days, prepend=0)
        first_days = np.append(0, last_days[:-1] + 1)

        def rows_until(events: Ints) -> Ints:
            lines = self._lines if entity == "online_transactions" else _LINES[:1]
            return _rows_until(events + first, lines) - _rows_until(np.array(first), lines)

        def make_days(chunk: int) -> Rows:
            random = self._random(entity, batch, chunk)
            chunk_days = slice(first_days[chunk], last_days[chunk] + 1)
            day = np.repeat(days[chunk_days].astype(np.int32), per_day[chunk_days])
            moments = day * np.int32(_DAY) + self._seconds(day, rhythm, random)
            moments.sort()
            numbers = np.arange(bounds[chunk], bounds[chunk + 1]) + first
            return _EVENT_MAKERS[entity](self, numbers, moments, random)

        return Source(rows_until(bounds), make_days, rows_until(ends_of_days))

    def days(self, batch: int) -> Ints:
        """Number the days of a batch, from the retailer's first one."""
        return np.arange(DAYS) if batch == 1 else np.arange(DAYS, DAYS + _LATER_DAYS)

    def changed(self, entity: str, rows: Rows, delivery: int) -> Rows:
        """Return rows as a later delivery has them: every second one, or order, as it was."""
        change = _CHANGES.get(entity)
        if change is None or not len(rows):
            return rows
        random = self._random(entity, delivery, -1)
        changed = change(self, rows, random)
        keep = rows.orders() % 2 == 1
        return changed.changed(
            **{
                name: either(keep, rows.columns[name], column)
                for name, column in changed.columns.items()
                if column is not rows.columns[name]
            }
        )

    def taken_out(self, rows: Rows) -> NDArray[np.bool_]:
        """Tell which lines a later delivery lacks: of the orders that it changes, those of three
        lines and more lose the last one."""
        orders = rows.orders()
        ends = np.append(orders[1:] != orders[:-1], True)[: len(orders)]
        return ends & (orders % 2 == 0) & (np.bincount(orders)[orders] > 2)

    def persons(self, batch: int) -> list[list[int]]:
        """Return the persons with several customers' ids up to a batch, and these."""
        count = self.sizes.customers + (self.later_sizes.customers if batch == 2 else 0)
        first_id = self._key_base["customers"] + 1
        persons = self._persons[:count]
        several = np.flatnonzero(_several(persons))
        several = several[np.argsort(persons[several], kind="stable")]
        ends = np.flatnonzero(np.diff(persons[several])) + 1
        return [group.tolist() for group in np.split(several + first_id, ends) if len(group)]

    def has_several_records(self, customers: Rows) -> NDArray[np.bool_]:
        """Tell which customers' persons have further records, in the first batch or the second."""
        numbers = texts(customers.columns["CustomerID"]).astype(np.int64)
        return _several(self._persons)[numbers - self._key_base["customers"] - 1]

    def updated_at(self, rows: Rows, batch: int) -> Column:
        """Return when the API's records changed last: soon after they happened, within the batch;
        an order's lines change together."""
        assert rows.moments is not None
        moments, orders = rows.moments, rows.orders()
        random = self._random("online_transactions", batch, -2)
        last_day = DAYS if batch == 1 else DAYS + _LATER_DAYS
        # Rows of the first batch that a later one brings again change within the later one.
        since = moments if batch == 1 else np.maximum(moments, DAYS * _DAY)
        left = np.minimum(3 * _DAY, last_day * _DAY - since)
        latest = since + (random.random(len(since))[orders] * left).astype(np.int64)
        day, second = np.divmod(latest, _DAY)
        return joined([self._date(day), b"T", times(second), b"Z"])

    # --- Who and what there is ----------------------------------------------------------------

    def _meet_customers(self, random: _Random) -> None:
        count = self.sizes.customers
        keenness = random.permutation(count)  # 0 is the keenest customer
        self._online_order = np.argsort(keenness).astype(np.int32)
        # Who is keen online is somewhat less or more so in the stores.
        in_store = keenness / count + random.normal(0, 0.15, count)
        self._store_order = np.argsort(in_store).astype(np.int32)
        self._generosity = np.exp(
            random.normal(0, 0.45, count) + 0.5 - 0.8 * keenness / count
        ).astype(np.float32)
        self._worth = np.log(self._generosity) - _STEEPNESS * keenness / count

    @cached_property
    def _persons(self) -> Ints:
        """Whose records the customers are, those of the second batch as well."""
        customers = np.arange(self.sizes.customers + self.later_sizes.customers)
        chunks = np.split(customers, range(_CHUNK, len(customers), _CHUNK))
        return np.concatenate([self._population.persons(chunk) for chunk in chunks])

    def _stock_products(self, random: _Random) -> None:
        count = self.sizes.products + self.later_sizes.products
        categories = list(words.GOODS)
        names, of_category, prices = [], [], []
        for number in range(count):
            category = categories[number % len(categories)]
            usual, goods = words.GOODS[category]
            step = number // len(categories)
            good, step = goods[step % len(goods)], step // len(goods)
            # Brands and variants in all combinations before one of them comes again.
            combination = (step * 37 + number % len(categories) * 7 + goods.index(good) * 5) % (
                len(words.BRANDS) * len(words.VARIANTS)
            )
            variant, brand = divmod(combination, len(words.BRANDS))
            names.append(quoted(f"{words.BRANDS[brand]} {words.VARIANTS[variant]} {good}"))
            of_category.append(quoted(category))
            dollars = usual * np.exp(random.normal(0, 0.6))
            prices.append(100 * int(min(dollars, 2400)) + int(random.choice([99, 49, 95, 0])))
        self._product_names = table(names)
        self._product_categories = table(of_category)
        self._prices = np.array(prices, np.int32).clip(99)
        self._popular = random.permutation(self.sizes.products).astype(np.int32)

    def _hire_agents(self, random: _Random) -> None:
        count = self.sizes.agents + self.later_sizes.agents
        self._skill = random.beta(8, 3.5, count)
        # Department d has the agents d, d + 5, d + 10, …
        departments = len(words.ISSUES)
        practised = self.sizes.agents - _NEW_AGENTS
        self._colleagues = np.array(
            [-(-(practised - d) // departments) for d in range(departments)]
        )

    def _open_accounts(self, random: _Random) -> None:
        sizes, later = self.sizes, self.later_sizes
        count = sizes.loyalty_accounts
        eagerness = self._worth + random.normal(0, 1.2, sizes.customers)
        # A few customers hold a second account.
        second = count // 50
        members = np.argsort(-eagerness)[: count - second]
        holders = np.append(members, random.choice(members, second, replace=False))
        random.shuffle(holders)
        climbed = self._worth[holders] + random.normal(0, 0.4, count)
        rank_from_top = np.empty(count)
        rank_from_top[np.argsort(-climbed)] = np.arange(count) / count
        limits = np.cumsum(list(words.TIERS.values())[::-1])[:-1] / 100
        tiers = len(words.TIERS) - 1 - np.searchsorted(limits, rank_from_top, side="right")

        newcomers = sizes.customers + np.arange(later.loyalty_accounts) % later.customers
        self._holders = np.append(holders, newcomers)
        self._tiers = np.append(tiers, np.zeros(later.loyalty_accounts, int)).astype(np.uint8)
        # Two thirds had joined before the first purchase on record; at least one had.
        old = random.integers(-_JOINED_DAYS_BEFORE, 0, max(1, count * 2 // 3))
        recent = random.integers(0, DAYS, count - len(old))
        new = random.integers(DAYS, DAYS + _LATER_DAYS, later.loyalty_accounts)
        self._join_days = np.concatenate([np.sort(old), np.sort(recent), np.sort(new)])

    # --- Rows of what there is ----------------------------------------------------------------

    def _customers(self, numbers: Ints, random: _Random) -> Rows:
        made = self._population.customers(numbers)
        return Rows(
            {
                "CustomerID": self._key("customers", numbers),
                "Name": quoted_column(made.name),
                "Email": made.email,
                "Address": joined([b'"', made.address, b'"']),
            }
        )

    def _products(self, numbers: Ints, random: _Random) -> Rows:
        return Rows(
            {
                "ProductID": self._key("products", numbers),
                "Name": self._product_names[numbers],
                "Category": self._product_categories[numbers],
                "Price": money(self._prices[numbers]),
            }
        )

    def _stores(self, numbers: Ints, random: _Random) -> Rows:
        places = words.STORE_PLACES
        located = []
        for number in numbers:
            again, place = divmod(int(number), len(places))
            district = f" - {words.STORE_DISTRICTS[again - 1]}" if again else ""
            located.append(quoted(places[place] + district))
        return Rows(
            {
                "StoreID": self._key("stores", numbers),
                "Location": table(located),
                "Manager": table([self._person(random) for _ in numbers]),
                "OpenHours": _pick(_OPEN_HOURS, len(numbers), random),
            }
        )

    def _agents(self, numbers: Ints, random: _Random) -> Rows:
        return Rows(
            {
                "AgentID": self._key("agents", numbers),
                "Name": table([self._person(random) for _ in numbers]),
                "Department": table(list(words.ISSUES))[numbers % len(words.ISSUES)],
                "Shift": _pick(_SHIFTS, len(numbers), random),
            }
        )

    def _loyalty_accounts(self, numbers: Ints, random: _Random) -> Rows:
        tiers = self._tiers[numbers]
        points = 150 * 3.0**tiers * random.lognormal(0, 0.5, len(numbers))
        return Rows(
            {
                "LoyaltyID": self._key("loyalty_accounts", numbers),
                "CustomerID": self._key("customers", self._holders[numbers]),
                "PointsEarned": _points(points),
                "TierLevel": table(list(words.TIERS))[tiers],
                "JoinDate": self._date(self._join_days[numbers]),
            }
        )

    # --- Rows of what happens -----------------------------------------------------------------

    def _online(self, numbers: Ints, moments: NDArray[np.int32], random: _Random) -> Rows:
        lines = self._lines[numbers % len(self._lines)]
        orders = np.repeat(np.arange(len(numbers)), lines)
        last = np.cumsum(lines) - 1
        nth = np.arange(len(orders)) - (last - lines + 1)[orders]
        customers = self._shoppers(self._online_order, moments, random)
        refunds, refunded = _refunds(numbers, lines)
        customers[refunds] = customers[refunded]
        # The lines of an order are of different products.
        ranks = _ranks(self.sizes.products, 3.0, len(numbers), random)[orders]
        ranks += nth * _RANKS_BETWEEN_LINES
        further = np.flatnonzero(nth)
        ranks[further] += random.integers(0, _RANKS_BETWEEN_LINES, len(further), np.int32)
        products = self._popular[ranks % self.sizes.products]
        generosity = self._generosity[np.minimum(customers, self.sizes.customers - 1)][orders]
        pieces = 1 + (generosity * random.standard_exponential(len(orders), np.float32) * 0.7)
        cents = self._prices[products] * np.minimum(pieces.astype(np.int32), 24)
        sent_back = last[(lines > 2) & ((numbers + 1) % _EVERY_RETURN == 0)]
        products[sent_back] = products[sent_back - 1]
        cents[sent_back] = -cents[sent_back - 1]
        first_line = last[refunded] - lines[refunded] + 1
        products[last[refunds]] = products[first_line]
        cents[last[refunds]] = -cents[first_line]
        statuses = either(refunds, _all(_COMPLETED, refunds), self._statuses(moments, random))
        return Rows(
            {
                "OrderID": self._key("online_transactions", numbers)[orders],
                "CustomerID": self._buyers("online_transactions", customers, random)[orders],
                "ProductID": self._key("products", products),
                "DateTime": self._datetime(moments)[orders],
                "PaymentMethod": _spin(_ONLINE_PAYMENTS, len(numbers), random)[orders],
                "Amount": money(cents),
                "Status": statuses[orders],
            },
            moments[orders],
        )

    def _in_store(self, numbers: Ints, moments: NDArray[np.int32], random: _Random) -> Rows:
        count = len(numbers)
        customers = self._shoppers(self._store_order, moments, random)
        refunds, refunded = _refunds(numbers, 1)
        customers[refunds] = customers[refunded]
        generosity = self._generosity[np.minimum(customers, self.sizes.customers - 1)]
        # People shop in one of a few stores near them, mostly in the nearest.
        stores = (customers * 7 + _ranks(3, 1.5, count, random)) % self.sizes.stores
        spent = 3200 * generosity * np.exp(0.8 * random.standard_normal(count, np.float32))
        cents = spent.clip(49, 499_999).astype(np.int32)
        cents[refunds] = -cents[refunded]
        return Rows(
            {
                "TransactionID": self._key("in_store_transactions", numbers),
                "CustomerID": self._buyers("in_store_transactions", customers, random),
                "StoreID": self._key("stores", stores),
                "DateTime": self._datetime(moments),
                "Amount": money(cents),
                "PaymentMethod": _spin(_STORE_PAYMENTS, count, random),
            },
            moments,
        )

    def _interactions(self, numbers: Ints, moments: NDArray[np.int32], random: _Random) -> Rows:
        count = len(numbers)
        customers = self._online_order[_ranks(self.sizes.customers, 2.0, count, random)]
        issues = _ISSUE_WHEEL[random.integers(0, len(_ISSUE_WHEEL), count, np.uint16)]
        departments = _ISSUE_DEPARTMENTS[issues]
        colleagues = self._colleagues[departments]
        nth = (random.random(count) ** 1.4 * colleagues).astype(np.int64)
        agents = departments + len(words.ISSUES) * nth
        chance = self._skill[agents] - _ISSUE_DIFFICULTIES[issues]
        solved = random.random(count) < chance
        recent = moments >= self._end_of_story(moments) - 2 * _DAY
        unsolved = either(
            recent, _spin(_UNSOLVED_YET, count, random), _spin(_UNSOLVED, count, random)
        )
        return Rows(
            {
                "InteractionID": self._key("customer_service_interactions", numbers),
                "CustomerID": self._key("customers", customers),
                "DateTime": self._datetime(moments),
                "AgentID": self._key("agents", agents),
                "IssueType": _ISSUE_TYPES[issues],
                "ResolutionStatus": either(solved, _all(_RESOLVED, solved), unsolved),
            },
            moments,
        )

    def _loyalty(self, numbers: Ints, moments: NDArray[np.int32], random: _Random) -> Rows:
        count = len(numbers)
        members = np.searchsorted(self._join_days, moments // _DAY, side="right")
        accounts = (random.random(count) ** 1.3 * members).astype(np.int64)
        _part_twins(accounts, moments, members)
        reasons = _REASON_WHEEL[random.integers(0, len(_REASON_WHEEL), count, np.uint16)]
        spread = random.standard_exponential(count, np.float32) + 0.1
        points = _REASON_POINTS[reasons] * spread * (1 + self._tiers[accounts])
        return Rows(
            {
                "LoyaltyID": self._key("loyalty_accounts", accounts),
                "DateTime": self._datetime(moments),
                "PointsChange": _points(points),
                "Reason": _REASONS[reasons],
            },
            moments,
        )

    # --- What changes later -------------------------------------------------------------------

    def _move_customers(self, rows: Rows, random: _Random) -> Rows:
        moved = self._population.addresses(random.integers(0, 2**62, len(rows)))
        moved = joined([b'"', moved, b'"'])
        # A person's records can be told to be one's as long as they don't go apart.
        stays = self.has_several_records(rows)
        return rows.changed(Address=either(stays, rows.columns["Address"], moved))

    def _reprice_products(self, rows: Rows, random: _Random) -> Rows:
        return rows.changed(Price=money(random.integers(5, 300, len(rows)) * 100 + 97))

    def _reassign_agents(self, rows: Rows, random: _Random) -> Rows:
        return rows.changed(Shift=_pick(_SHIFTS, len(rows), random))

    def _finish_orders(self, rows: Rows, random: _Random) -> Rows:
        final = {"Completed": 80, "Returned": 12, "Cancelled": 8}
        statuses = _spin(_wheel(final), len(rows), random)
        return rows.changed(Status=statuses[rows.orders()])

    def _close_interactions(self, rows: Rows, random: _Random) -> Rows:
        final = {"Resolved": 80, "Unresolved": 20}
        return rows.changed(ResolutionStatus=_spin(_wheel(final), len(rows), random))

    def _promote_accounts(self, rows: Rows, random: _Random) -> Rows:
        tiers = _wheel({"Silver": 40, "Gold": 40, "Platinum": 20})
        return rows.changed(
            PointsEarned=_points(random.integers(1000, 20_000, len(rows))),
            TierLevel=_spin(tiers, len(rows), random),
        )

    # --- Parts --------------------------------------------------------------------------------

    def _random(self, entity: str, batch: int, chunk: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, ENTITIES.index(entity), batch, chunk + 2])

    def _key(self, entity: str, numbers: Numbers) -> Column:
        base = self._key_base[entity]
        return digits(numbers + (base + 1), len(str(base)))

    def _date(self, day: Numbers) -> Column:
        return self._days[day + _JOINED_DAYS_BEFORE]

    def _datetime(self, moments: Numbers) -> Column:
        day, second = np.divmod(moments, np.int32(_DAY))
        return joined([self._date(day), b" ", times(second)])

    def _ends_of_days(self, days: Ints, rhythm: str, rows: int) -> Ints:
        weekdays, _ = words.RHYTHMS[rhythm]
        weights = []
        for day in days:
            today = self.first_day + timedelta(days=int(day))
            season = 1.5 if (11, 15) <= (today.month, today.day) <= (12, 24) else 1.0
            weights.append(weekdays[today.weekday()] * season * (1 + 0.25 * day / DAYS))
        total = np.cumsum(weights)
        return np.round(total / total[-1] * rows).astype(np.int64)

    def _seconds(self, day: Numbers, rhythm: str, random: _Random) -> NDArray[np.int32]:
        hours = _HOUR_WHEELS[rhythm]
        weekday = (day + self.first_day.weekday()) % 7
        spin = random.integers(0, hours.shape[1], len(day), np.uint16)
        hour = hours[weekday, spin].astype(np.int32)
        return hour * np.int32(3600) + random.integers(0, 3600, len(day), np.int32)

    def _shoppers(
        self, order: NDArray[np.int32], moments: Numbers, random: _Random
    ) -> NDArray[np.int32]:
        buying = int(self.sizes.customers * (1 - _NEVER_BUY))
        customers = order[_ranks(buying, _STEEPNESS, len(moments), random)]
        if len(moments) and moments[0] >= DAYS * _DAY:  # newcomers of the later batch buy as well
            new = np.flatnonzero(random.random(len(moments)) < 0.1)
            customers[new] = self.sizes.customers + random.integers(
                0, self.later_sizes.customers, len(new)
            )
        return customers

    def _buyers(self, entity: str, customers: Numbers, random: _Random) -> Column:
        keys = self._key("customers", customers)
        if not self.with_lines:
            return keys
        guests = random.random(len(customers)) < _GUESTS[entity]
        return either(guests, _all(_GUEST, guests), keys)

    def _end_of_story(self, moments: Numbers) -> int:
        later = len(moments) > 0 and moments[0] >= DAYS * _DAY
        return (DAYS + _LATER_DAYS if later else DAYS) * _DAY

    def _statuses(self, moments: Numbers, random: _Random) -> Column:
        age = (self._end_of_story(moments) - 1 - moments) // _DAY
        group = np.searchsorted(list(words.STATUSES_BY_AGE), age, side="right")
        spin = random.integers(0, _WHEEL, len(moments), np.uint16)
        return _STATUSES[_STATUS_WHEELS[group, spin]]

    def _person(self, random: _Random) -> str:
        first = words.FIRST_NAMES[random.integers(len(words.FIRST_NAMES))]
        return quoted(f"{first} {words.LAST_NAMES[random.integers(len(words.LAST_NAMES))]}")


_RHYTHMS = {
    "online_transactions": "online",
    "in_store_transactions": "store",
    "customer_service_interactions": "service",
    "loyalty_transactions": "store",
}
_MAKERS: dict[str, Callable[[Retailer, Ints, np.random.Generator], Rows]] = {
    "customers": Retailer._customers,
    "products": Retailer._products,
    "stores": Retailer._stores,
    "agents": Retailer._agents,
    "loyalty_accounts": Retailer._loyalty_accounts,
}
_EVENT_MAKERS: dict[str, Callable[[Retailer, Ints, NDArray[np.int32], _Random], Rows]] = {
    "online_transactions": Retailer._online,
    "in_store_transactions": Retailer._in_store,
    "customer_service_interactions": Retailer._interactions,
    "loyalty_transactions": Retailer._loyalty,
}
_CHANGES: dict[str, Callable[[Retailer, Rows, np.random.Generator], Rows]] = {
    "customers": Retailer._move_customers,
    "products": Retailer._reprice_products,
    "agents": Retailer._reassign_agents,
    "online_transactions": Retailer._finish_orders,
    "customer_service_interactions": Retailer._close_interactions,
    "loyalty_accounts": Retailer._promote_accounts,
}


# --- Wheels of fortune: a value stands on one as often as its weight says -------------------------

_WHEEL = 1024


@dataclass(frozen=True)
class _Wheel:
    texts: Column
    places: NDArray[np.uint8]


def _places(weights: Sequence[float], size: int = _WHEEL) -> NDArray[np.uint8]:
    ends = np.round(np.cumsum(weights) / sum(weights) * size).astype(int)
    return np.repeat(np.arange(len(weights), dtype=np.uint8), np.diff(ends, prepend=0))


def _wheel(weights: Mapping[str, int]) -> _Wheel:
    return _Wheel(table([quoted(text) for text in weights]), _places(list(weights.values())))


def _spin(wheel: _Wheel, count: int, random: _Random) -> Column:
    return wheel.texts[wheel.places[random.integers(0, _WHEEL, count, np.uint16)]]


def _pick(texts: Column, count: int, random: _Random) -> Column:
    return texts[random.integers(0, len(texts), count)]


def _ranks(count: int, steepness: float, draws: int, random: _Random) -> NDArray[np.int32]:
    """Draw ranks below `count`, the first e**steepness times as often as the last."""
    share = np.float32(1 - np.exp(-steepness))
    fall = np.log1p(-random.random(draws, np.float32) * share) / np.float32(-steepness)
    return np.minimum((fall * np.float32(count)).astype(np.int32), count - 1)


def _points(points: NDArray[np.floating] | Numbers) -> Column:
    whole = np.asarray(points).astype(np.int32).clip(_FEWEST_POINTS, _MOST_POINTS)
    return _POINT_TEXTS[whole - _FEWEST_POINTS]


def _several(persons: Ints) -> NDArray[np.bool_]:
    return np.bincount(persons)[persons] > 1


def _all(text: Column, rows: Sequence[object] | NDArray[np.bool_]) -> Column:
    """Take the same text for every row."""
    return np.broadcast_to(text, (len(rows), text.shape[1]))


def _rows_until(events: Ints, lines: Ints) -> Ints:
    """Return how many rows come before each of these events, which have so many lines in turn."""
    rounds, rest = np.divmod(events, len(lines))
    return rounds * lines.sum() + np.append(0, np.cumsum(lines))[rest]


def _refunds(numbers: Ints, lines: Ints | int) -> tuple[NDArray[np.bool_], Ints]:
    """Tell which purchases, of so many lines each, are refunds, and which one each refunds."""
    refunds = (lines == 1) & ((numbers + 1) % _EVERY_REFUND == 0)
    return refunds, (np.flatnonzero(refunds) - _PURCHASES_BETWEEN).clip(0)


def _part_twins(accounts: Ints, moments: Numbers, members: Ints) -> None:
    """Give another account to a change that has the account and second, the key, of another."""
    while True:
        order = np.lexsort((accounts, moments))
        same = (np.diff(accounts[order]) == 0) & (np.diff(moments[order]) == 0)
        twins = order[1:][same]
        if not len(twins):
            return
        accounts[twins] = (accounts[twins] + 1) % members[twins]


_OPEN_HOURS = table([quoted(hours) for hours in words.OPEN_HOURS])
_SHIFTS = table(words.SHIFTS)

_FEWEST_POINTS, _MOST_POINTS = -9_999, 99_999
_POINT_TEXTS = as_column(np.arange(_FEWEST_POINTS, _MOST_POINTS + 1).astype("S6"))
_REASONS = table(list(words.POINTS))
_REASON_WHEEL = _places([often for often, _ in words.POINTS.values()])
_REASON_POINTS = np.array([points for _, points in words.POINTS.values()], np.float32)

_ONLINE_PAYMENTS = _wheel(words.ONLINE_PAYMENTS)
_STORE_PAYMENTS = _wheel(words.STORE_PAYMENTS)
_UNSOLVED = _wheel(words.UNSOLVED)
_UNSOLVED_YET = _wheel(words.UNSOLVED_YET)
_RESOLVED, _COMPLETED, _GUEST = table(["Resolved"]), table(["Completed"]), table(["0"])

_ISSUES = [
    (department, *issue)
    for department, issues in enumerate(words.ISSUES.values())
    for issue in issues
]
_ISSUE_DEPARTMENTS = np.array([department for department, _, _, _ in _ISSUES])
_ISSUE_TYPES = table([issue for _, issue, _, _ in _ISSUES])
_ISSUE_WHEEL = _places([often for _, _, often, _ in _ISSUES])
_ISSUE_DIFFICULTIES = np.array([difficulty for _, _, _, difficulty in _ISSUES])

_ALL_STATUSES = sorted({status for group in words.STATUSES_BY_AGE.values() for status in group})
_STATUSES = table(_ALL_STATUSES)
_STATUS_WHEELS = np.stack(
    [
        _places([group.get(status, 0) for status in _ALL_STATUSES])
        for group in words.STATUSES_BY_AGE.values()
    ]
)
_HOUR_WHEELS = {
    rhythm: np.stack([_places(hours, 4096) for hours in by_day])
    for rhythm, (_, by_day) in words.RHYTHMS.items()
}
