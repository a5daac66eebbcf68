"""Reads a home all the time, and writes down whatever a reader must not see.

    python -m tests.soak.reader HOME ALLOWED FINDINGS

`ALLOWED` is a file with the states that may be published now; `FINDINGS` gets a line for each that
is another, is half of two, or cannot be read, and at its end how many times it looked.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import duckdb

SEEN = """
select
    (select total_orders from marts.average_order_value where dimension = 'all'),
    cast((select total_amount from marts.average_order_value where dimension = 'all') as varchar),
    (select count(*) from marts.customer_360),
    (select count(*) from gold.fct_online_transactions where customer_id = -1),
    (select count(*) from gold.fct_online_transactions),
    cast((select sum(amount) from gold.fct_online_transactions) as varchar),
    (select count(*) from silver.online_transactions),
    (select count(*) from silver.customers),
    (select sum(silver_rows) from silver.row_reconciliation where entity = 'online_transactions')
"""


def look(home: Path, allowed: Path) -> str | None:
    """Look once; return what is wrong, None when nothing is.

    While somebody is forgotten (there is a file `forgetting` beside `allowed`) a look may end with
    an error: nothing is left then of what was before, for readers neither.
    """
    forgetting = allowed.with_name("forgetting")
    was_forgetting = forgetting.exists()
    may_be = [tuple(each) for each in json.loads(allowed.read_text())]
    try:
        with duckdb.connect(home / "warehouse.duckdb", read_only=True) as connection:
            row = connection.execute(SEEN).fetchone()
    except duckdb.Error as error:
        is_gone = "No such file" in str(error) or "No files found" in str(error)
        if is_gone and (was_forgetting or forgetting.exists()):
            return None
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    assert row
    orders, amount, customers, unknown, *rest = row
    if rest != [orders, amount, orders, customers, orders]:
        return f"half of two versions: {row}"
    # Again: what was allowed may have changed while it looked.
    may_be += [tuple(each) for each in json.loads(allowed.read_text())]
    if (orders, amount, customers, unknown) not in may_be:
        return f"no version that ever was: {row}"
    for page in (home / "report/index.html", home / "docs/index.html"):
        try:
            end = page.read_bytes()[-200:].rstrip()
        except FileNotFoundError:
            continue  # one is put into the other's place
        if not end.endswith(b"</html>"):
            return f"{page.name} of {page.parent.name} is cut off"
    return None


def main(home: Path, allowed: Path, findings: Path) -> None:
    """Look until it is told to end."""
    going_on = True

    def end(*_: object) -> None:
        nonlocal going_on
        going_on = False

    signal.signal(signal.SIGTERM, end)
    looks = 0
    while going_on:
        if (home / "warehouse.duckdb").exists():
            wrong = look(home, allowed)
            looks += 1
            if wrong:
                with findings.open("a") as file:
                    print(wrong, file=file)
        time.sleep(0.5)
    with findings.open("a") as file:
        print(f"looked {looks}", file=file)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
