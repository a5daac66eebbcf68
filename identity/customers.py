"""Silver's customers, as far as they are others than those that were matched before."""

from collections.abc import Mapping
from typing import Any

import duckdb

from identity import store
from identity.connection import fetch_one
from identity.records import FINGERPRINT
from lake.store import Lake
from lake.versions import PublishedEntity

ENTITY, ATTRIBUTES = "customers", "customer_attributes"
KEY = "customer_id"
_COLUMNS = [KEY, "customer_name", "email", "address", "_batch_id"]


class Customers:
    """Silver's customers and what is declared of them beyond the contract, on a connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        lake: Lake,
        entities: Mapping[str, PublishedEntity],
    ) -> None:
        """Read the attributes; the customers only once it is known which are needed."""
        self._connection, self._lake = connection, lake
        self._entity = entities[ENTITY]
        self.attributes: list[str] = []
        connection.execute(
            f"create table attributes as select null::varchar as {KEY}, "
            "null::map(varchar, varchar) as attributes where false"
        )
        if ATTRIBUTES in entities:
            self._read_attributes(entities[ATTRIBUTES])

    @property
    def place(self) -> dict[str, Any]:
        """What they were read from, for `read_changes` to go on from there."""
        return {
            "first": self._entity.parts[0],
            "epoch": self._entity.epoch,
            "version": self._entity.versions[-1],
        }

    def goes_on_from(self, place: Mapping[str, Any] | None) -> bool:
        """Tell whether all that changed since is in newer parts."""
        now = self.place
        return (
            place is not None
            and (place["first"], place["epoch"]) == (now["first"], now["epoch"])
            and place["version"] <= now["version"]
            and not self.attributes  # these are told for all, not by what changed
        )

    def read_all(self) -> None:
        """Make `customers` of all of them."""
        self._load(self._entity)

    def read_changes(self, since: str) -> None:
        """Make `customers` of whose row came after a version, and `gone` of who is no more."""
        newer = store.newer_than(self._entity, since)
        if not newer.parts and not newer.superseded:
            self._connection.execute(f"create table gone as select null::varchar as {KEY} limit 0")
            self._connection.execute(f"create table customers as {self._select('none')} limit 0")
            return
        self._load(newer)
        store.load_changed_keys(self._connection, self._lake, newer, "changed_keys", KEY)
        self._connection.execute(
            f"create table gone as select {KEY}::varchar as {KEY} from changed_keys "
            f"except select {KEY} from customers"
        )

    def keep_changed(self, before: str) -> None:
        """Take from `customers` who says what `before` said, and make `gone` of who is no more."""
        self._connection.execute(f"""
            create table gone as
            select {KEY} from {before} anti join customers using ({KEY})
        """)
        self._connection.execute(f"""
            delete from customers where {KEY} in (
                select customers.{KEY} from customers
                inner join {before} as before using ({KEY})
                where before.fingerprint = {FINGERPRINT}
            )
        """)

    def _load(self, entity: PublishedEntity) -> None:
        store.load_entity(self._connection, self._lake, entity, "silver_customers", _COLUMNS, KEY)
        self._connection.execute(f"create table customers as {self._select('silver_customers')}")
        self._connection.execute("drop table silver_customers")

    def _select(self, relation: str) -> str:
        if relation == "none":
            return (
                f"select null::varchar as {KEY}, null::varchar as customer_name, null::varchar as "
                "email, null::varchar as address, null::varchar as seen_at, "
                "null::map(varchar, varchar) as attributes"
            )
        return f"""
            select
                there.{KEY}::varchar as {KEY},
                there.customer_name,
                there.email,
                there.address,
                there._batch_id as seen_at,
                attributes.attributes
            from {relation} as there
            left join attributes on there.{KEY}::varchar = attributes.{KEY}
        """

    def _read_attributes(self, entity: PublishedEntity) -> None:
        store.load_entity(
            self._connection, self._lake, entity, "given", [KEY, "attribute", "value"]
        )
        self.attributes = [
            name
            for (name,) in self._connection.execute(
                "select distinct attribute from given order by attribute"
            ).fetchall()
        ]
        self._connection.execute(
            f"create or replace table attributes as select {KEY}::varchar as {KEY}, "
            "map_from_entries(list((attribute, value) order by attribute)) as attributes "
            f"from given group by {KEY}"
        )
        self._connection.execute("drop table given")

    @property
    def count(self) -> int:
        """How many rows `customers` has."""
        found: int = fetch_one(self._connection, "select count(*) from customers")
        return found
