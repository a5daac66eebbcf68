"""A stand-in for the three T-SQL servers of the Azure path, for tests where no account exists.

A driver under `drivers/` shadows the real one. What it is asked to run is recorded (recorder.py),
split into statements (batch.py), held to the rules of its server (serverless.py for a Synapse
serverless SQL pool, database.py for Azure SQL Database, warehouse.py for a Fabric Warehouse) and
executed on DuckDB (engine.py): queries are translated (translate.py, functions.py), definitions
kept in a catalogue (catalog.py). Files of the lake are read and written by storage.py, rowset.py.

It shows that the product's statements hang together and give the right rows under the documented
rules that are written down here. It does not show that a real server takes them: it has none of the
server's optimizer, locks, permissions or timing, and knows only the SQL that the product sends.
Every text compares by code point; spaces at its end count in GROUP BY, DISTINCT, UNION, ORDER BY,
which the server ignores there as in comparisons; characters are counted, not UTF-16 units. A batch
runs as with SET XACT_ABORT ON, and to its end before the first result is read. Whatever has no rule
here is an UnknownSqlError, never a guess.
"""
