"""The same job written by hand: one DuckDB script from nine CSV files to the answers.

What an expert writes without dbt, Prefect or this project's macros when only these nine files
count: one pass over each file, and only keys that occur twice are looked at a second time. It makes
the same silver Parquet, accounts of what was set aside, gold tables and marts as the product. It
has no landing, tests, history, documentation or publishing, and nothing is declared to it: keys are
integers, a row of a sale is all of it, and amounts are in one currency.

    python -m bench.by_hand INPUT_DIR OUT_DIR
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

HERE = Path(__file__).resolve().parent
SEEDS = HERE.parent / "seeds"
# Of several rows of a key the last one of the file counts, so rows are numbered in their order.
SETTINGS: dict[str, Any] = {"threads": 2, "memory_limit": "2GB"}

STATUSES = "order_statuses"
PAYMENTS = "payment_methods"
RESOLUTIONS = "resolution_statuses"
TIERS = "loyalty_tiers"
OTHER_WORDS = "other_words"

ANSWERS = {
    "average order value": """
        select member, total_orders, total_amount, average_order_value
        from marts.average_order_value where dimension in ('all', 'channel') order by member""",
    "top categories": """
        select category, total_orders, total_amount, average_order_value
        from marts.aov_by_category order by total_amount desc, category limit 5""",
    "top locations": """
        select location, total_orders, total_amount, average_order_value
        from marts.aov_by_location order by total_amount desc, location limit 5""",
    "top customers": """
        select customer_id, total_spend, purchase_frequency, tier_level, segment
        from marts.customer_segments order by total_spend desc, customer_id limit 5""",
    "segments": """
        select segment, count(*), sum(total_spend)
        from marts.customer_segments group by segment order by segment""",
    "busiest hour": """
        select channel, day_of_week, hour_of_day, total_transactions
        from marts.peak_transaction_times where peak_rank = 1
        order by channel, day_of_week_number, hour_of_day""",
    "best agents": """
        select agent_id, agent_name, total_interactions, resolution_rate
        from marts.agent_performance where agent_id <> -1 and total_interactions > 0
        order by resolution_rate desc, total_interactions desc, agent_id limit 5""",
    "notes": """
        select note, entity, rows, amount, detail
        from marts.data_notes order by note, entity, detail""",
}


@dataclass(frozen=True)
class Column:
    """A column: its name in the file and in silver, and what it holds."""

    source: str
    name: str
    kind: str  # integer | amount | time | date | text
    length: int = 0  # of a text
    listed: str = ""  # the seed with a text's canonical spellings
    blank: str | None = "Unknown"  # what a blank text becomes


@dataclass(frozen=True)
class Entity:
    """A file: its columns, its key, and why a row without a value is rejected."""

    file: str
    columns: list[Column]
    key: list[str]
    required: dict[str, str] = field(default_factory=dict)  # column: reason
    is_dimension: bool = False  # its key -1 is taken
    moment: str = ""  # all different rows of a key are kept, whose time is this column's
    added: str = ""  # further columns of silver

    @property
    def read_or_null(self) -> list[Column]:
        """Columns whose values are null where they cannot be read, and counted."""
        return [
            column
            for column in self.columns
            if column.kind != "text" and column.name not in (*self.key, *self.required)
        ]


# No file has currencies.
SALE = "line_number, amount as source_amount, cast(null as varchar) as source_currency"

ENTITIES = {
    "customers": Entity(
        "Customers.csv",
        [
            Column("CustomerID", "customer_id", "integer"),
            Column("Name", "customer_name", "text", 100),
            Column("Email", "email", "text", 100),
            Column("Address", "address", "text", 255),
        ],
        key=["customer_id"],
        is_dimension=True,
    ),
    "products": Entity(
        "Products.csv",
        [
            Column("ProductID", "product_id", "integer"),
            Column("Name", "product_name", "text", 100),
            Column("Category", "category", "text", 50),
            Column("Price", "price", "amount"),
        ],
        key=["product_id"],
        is_dimension=True,
    ),
    "stores": Entity(
        "Stores.csv",
        [
            Column("StoreID", "store_id", "integer"),
            Column("Location", "location", "text", 100),
            Column("Manager", "manager", "text", 100),
            Column("OpenHours", "open_hours", "text", 50),
        ],
        key=["store_id"],
        is_dimension=True,
    ),
    "agents": Entity(
        "Agents.csv",
        [
            Column("AgentID", "agent_id", "integer"),
            Column("Name", "agent_name", "text", 100),
            Column("Department", "department", "text", 50),
            Column("Shift", "shift", "text", 50),
        ],
        key=["agent_id"],
        is_dimension=True,
    ),
    "loyalty_accounts": Entity(
        "LoyaltyAccounts.csv",
        [
            Column("LoyaltyID", "loyalty_id", "integer"),
            Column("CustomerID", "customer_id", "integer"),
            Column("PointsEarned", "points_earned", "integer"),
            Column("TierLevel", "tier_level", "text", 20, TIERS, blank=None),
            Column("JoinDate", "join_date", "date"),
        ],
        key=["loyalty_id"],
        is_dimension=True,
    ),
    "online_transactions": Entity(
        "OnlineTransactions.csv",
        [
            Column("OrderID", "order_id", "integer"),
            Column("CustomerID", "customer_id", "integer"),
            Column("ProductID", "product_id", "integer"),
            Column("DateTime", "ordered_at", "time"),
            Column("PaymentMethod", "payment_method", "text", 50, PAYMENTS),
            Column("Amount", "amount", "amount"),
            Column("Status", "status", "text", 20, STATUSES),
        ],
        key=["order_id"],
        required={"ordered_at": "invalid_datetime", "amount": "invalid_amount"},
        added=SALE,
    ),
    "in_store_transactions": Entity(
        "InStoreTransactions.csv",
        [
            Column("TransactionID", "transaction_id", "integer"),
            Column("CustomerID", "customer_id", "integer"),
            Column("StoreID", "store_id", "integer"),
            Column("DateTime", "purchased_at", "time"),
            Column("Amount", "amount", "amount"),
            Column("PaymentMethod", "payment_method", "text", 50, PAYMENTS),
        ],
        key=["transaction_id"],
        required={"purchased_at": "invalid_datetime", "amount": "invalid_amount"},
        added=SALE,
    ),
    "customer_service_interactions": Entity(
        "CustomerServiceInteractions.csv",
        [
            Column("InteractionID", "interaction_id", "integer"),
            Column("CustomerID", "customer_id", "integer"),
            Column("DateTime", "interacted_at", "time"),
            Column("AgentID", "agent_id", "integer"),
            Column("IssueType", "issue_type", "text", 50),
            Column("ResolutionStatus", "resolution_status", "text", 50, RESOLUTIONS),
        ],
        key=["interaction_id"],
        required={"interacted_at": "invalid_datetime"},
    ),
    "loyalty_transactions": Entity(
        "LoyaltyTransactions.csv",
        [
            Column("LoyaltyID", "loyalty_id", "integer"),
            Column("DateTime", "transacted_at", "time"),
            Column("PointsChange", "points_change", "integer"),
            Column("Reason", "reason", "text", 100),
        ],
        key=["loyalty_id", "transacted_at"],
        required={"points_change": "invalid_amount"},
        moment="DateTime",
        added="line_number",
    ),
}

# How the usual form of a value is told: cast, it reads as it did before; a text has neither blanks
# around it nor the length of a word that stands for no value. Everything else takes the slow way,
# through the macros of silver.sql.
USUAL = {
    "integer": ("bigint", ""),
    "amount": ("decimal(18, 2)", ""),
    "time": ("timestamp", " and strlen({0}) = 19"),
    "date": ("date", " and strlen({0}) = 10"),
}
USUAL_TEXT = (
    "strlen({0}) between 5 and {1} and {0}[1] between '!' and '~' and {0}[-1] between '!' and '~'"
)


class Script:
    """The job: its connection, and the seconds of each step."""

    def __init__(self, input_dir: Path, out_dir: Path, batch_id: str | None = None) -> None:
        """Open a new warehouse in `out_dir`."""
        self.input_dir = input_dir.resolve()
        self.silver = out_dir.resolve() / "silver"
        self.silver.mkdir(parents=True, exist_ok=True)
        self.batch_id = batch_id or f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-byhand"
        self.seconds: dict[str, float] = {}
        self.warehouse = out_dir.resolve() / "warehouse.duckdb"
        self.warehouse.unlink(missing_ok=True)
        self.db = duckdb.connect(self.warehouse, config=SETTINGS)

    def run(self) -> dict[str, list[tuple[Any, ...]]]:
        """Do the whole job; return the answers."""
        with self._timed("silver"):
            self.build_silver()
        with self._timed("gold"):
            self.db.execute(
                "set variable latest_plausible = "
                f"strptime('{self.batch_id[:16]}', '%Y%m%dT%H%M%SZ') + interval 1 day"
            )
            self._sql_file("gold.sql")
        with self._timed("marts"):
            self._sql_file("marts.sql")
        with self._timed("answers"):
            answers = {name: self.db.execute(sql).fetchall() for name, sql in ANSWERS.items()}
        with self._timed("close"):
            self.db.close()
        return answers

    def build_silver(self) -> None:
        """Clean, judge and deduplicate every file; write silver and what was set aside."""
        self._sql_file("silver.sql")
        for seed in (STATUSES, PAYMENTS, RESOLUTIONS, TIERS):
            self.db.execute(
                f"create table reference.{seed} as from read_csv('{SEEDS / f'{seed}.csv'}')"
            )
        for name, entity in ENTITIES.items():
            self._clean(name, entity)
        for table in (
            "rejected_rows",
            "superseded_rows",
            "unreadable_values",
            "row_reconciliation",
        ):
            self._publish(table, f"from {table}")
        unbalanced = self.db.execute(
            "select entity from row_reconciliation "
            "where bronze_rows <> rejected_rows + superseded_rows + silver_rows"
        ).fetchall()
        if unbalanced:
            raise RuntimeError(f"rows are missing: {unbalanced}")

    def _clean(self, name: str, entity: Entity) -> None:
        path = self.input_dir / entity.file
        self.db.execute(f"create temp table staged as {self._staged_sql(path, entity)}")
        key = ", ".join(entity.key)
        self.db.execute(f"""
            create temp table repeated as
            from staged
            semi join (
                select {key} from staged where reject_reason is null
                group by {key} having count(*) > 1
            ) using ({key})
            where reject_reason is null""")
        self.db.execute(f"create temp table judged as {_judged_sql(entity)}")
        columns = ", ".join(column.name for column in entity.columns)
        if entity.added:
            columns += f", {entity.added}"
        as_of = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
        silver_rows = self._publish(
            name,
            f"""
            select
                *,
                timestamp '{as_of}' as _as_of,
                '{path.name}' as _source_file,
                '{self.batch_id}' as _batch_id
            from (
                select {columns} from staged anti join repeated using ({key})
                where reject_reason is null
                union all
                select {columns} from judged where fate is null
            )""",
        )
        self.db.execute(f"""
            insert into rejected_rows
            select '{name}', reject_reason, raw_row, '{path.name}', '{self.batch_id}'
            from staged where reject_reason is not null;
            insert into superseded_rows
            select '{name}', fate, count(*) from judged where fate is not null group by fate;
            insert into row_reconciliation select
                '{name}',
                (select count(*) from staged),
                (select count(*) from rejected_rows where entity = '{name}'),
                (select count(*) from judged where fate is not null),
                {silver_rows}""")
        if entity.read_or_null:
            self.db.execute(f"""
                insert into unreadable_values
                select '{name}', column_name, cut(value, 255), count(*), '{self.batch_id}'
                from (
                    select unnest(unreadable, recursive := true) from staged
                    where unreadable is not null and reject_reason is null
                )
                where value is not null
                group by all""")
        self.db.execute("drop table staged; drop table repeated; drop table judged")

    def _staged_sql(self, path: Path, entity: Entity) -> str:
        """Return the select of a file's rows, cleaned, with the reason that rejects a row."""
        casts = [
            f"try_cast({column.source} as {USUAL[column.kind][0]}) as cast_{column.name}"
            for column in entity.columns
            if column.kind in USUAL
        ]
        cleaned = [f"{cleaned_value(column)} as {column.name}" for column in entity.columns]
        reasons = [f"when {name} is null then 'invalid_key'" for name in entity.key]
        if entity.is_dimension:
            reasons.append(f"when {entity.key[0]} = -1 then 'invalid_key'")
        reasons += [
            f"when {name} is null then '{reason}'" for name, reason in entity.required.items()
        ]
        raw = ", ".join(
            f"'{column.source}', coalesce(raw_{column.source}, '')" for column in entity.columns
        )
        raw_row = f"cast(json_object({raw}) as varchar)"
        kept = ", ".join(f"{column.source} as raw_{column.source}" for column in entity.columns)
        staged = [column.name for column in entity.columns]
        if entity.read_or_null:
            staged.append(f"{_unreadable(entity.read_or_null)} as unreadable")
        if entity.moment:
            staged.append(f"fraction(raw_{entity.moment}) as fraction")
        return f"""
            with cast_rows as (
                select *, row_number() over () as line, {", ".join(casts)} from {reader(path)}
            ),
            cleaned as (
                select {", ".join(cleaned)}, {kept}, line from cast_rows
            ),
            judged as (
                select *, case {" ".join(reasons)} end as reject_reason from cleaned
            )
            select
                {", ".join(staged)},
                1 as line_number,
                line,
                reject_reason,
                case when reject_reason is not null then {raw_row} end as raw_row
            from judged"""

    def _publish(self, name: str, sql: str) -> int:
        """Write a silver relation as Parquet with a view over it; return its number of rows."""
        path = self.silver / f"{name}.parquet"
        rows: int = self.db.execute(f"copy ({sql}) to '{path}' (format parquet)").fetchall()[0][0]
        self.db.execute(f"create view silver.{name} as from read_parquet('{path}')")
        return rows

    def _sql_file(self, name: str) -> None:
        self.db.execute((HERE / name).read_text(encoding="utf-8"))

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[step] = round(time.monotonic() - began, 2)


def cleaned_value(column: Column) -> str:
    """Return the expression of a clean value, of the column as it came and of its cast."""
    source = column.source
    if column.kind in USUAL:
        usual = f"cast(cast_{column.name} as varchar) = {source}"
        usual += USUAL[column.kind][1].format(source)
        slow = f"slow_{column.kind}({source})"
        return f"case when {usual} then cast_{column.name} else {slow} end"
    blank = f", '{column.blank}'" if column.blank else ""
    slow = f"cut(said({source}), {column.length})"
    if not column.listed:
        usual = USUAL_TEXT.format(source, column.length)
        return f"case when {usual} then {source} else coalesce({slow}{blank}) end"
    canonical = [row[0] for row in _seed(column.listed)]
    words = {word.lower(): meant for of, word, meant in _seed(OTHER_WORDS) if of == column.name}
    words |= {word.lower(): word for word in canonical}
    listed = " ".join(f"when '{word}' then '{word}'" for word in canonical)
    known = ", ".join(f"'{word}': '{meant}'" for word, meant in words.items())
    slow = f"coalesce(map {{{known}}}[lower(said({source}))], {slow}{blank})"
    return f"case {source} {listed} else {slow} end"


def _unreadable(columns: list[Column]) -> str:
    """Return the list of a row's values that cannot be read, null where there are none."""
    values = ", ".join(
        f"{{'column_name': '{column.name}', "
        f"'value': case when {column.name} is null then said(raw_{column.source}) end}}"
        for column in columns
    )
    blanks = " or ".join(f"{column.name} is null" for column in columns)
    return f"case when {blanks} then [{values}] end"


def _judged_sql(entity: Entity) -> str:
    """Return the select of the rows whose key occurs twice, with why one is superseded.

    The last row of a key is kept. Where all rows are, only those that say the same are superseded.
    """
    says = [column.name for column in entity.columns if column.name not in entity.key]
    says += ["unreadable"] if entity.read_or_null else []
    same = ", ".join([*entity.key, *(["fraction"] if entity.moment else []), *says])
    key = ", ".join(entity.key)
    if entity.moment:
        return f"""
            select
                * replace (
                    row_number() over (partition by {key} order by fate is not null, fraction, line)
                    as line_number
                )
            from (
                select
                    *,
                    case when line > min(line) over (partition by {same}) then 'identical' end
                    as fate
                from repeated
            )"""
    return f"""
        select
            *,
            case
                when line = max(line) over (partition by {key}) then null
                when max(line) over (partition by {key}) = max(line) over (partition by {same})
                    then 'identical'
                else 'newer'
            end as fate
        from repeated"""


def _seed(name: str) -> list[list[str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def reader(path: Path) -> str:
    """Return the call that reads a file's columns as text, by the names in its header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file))
    columns = ", ".join(f"'{name.strip()}': 'varchar'" for name in names)
    return (
        f"read_csv('{path}', auto_detect = false, header = true, delim = ',', quote = '\"', "
        f"escape = '\"', columns = {{{columns}}})"
    )


def main() -> None:
    """Run the script on the folders of the command line; print seconds and answers as JSON."""
    if len(sys.argv) != 3:
        sys.exit("usage: python -m bench.by_hand INPUT_DIR OUT_DIR")
    script = Script(Path(sys.argv[1]), Path(sys.argv[2]))
    answers = script.run()
    print(json.dumps({"seconds": script.seconds, "answers": answers}, default=str))


if __name__ == "__main__":
    main()
