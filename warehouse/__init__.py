"""The warehouse: what is built from the lake, in DuckDB or Azure SQL, and how it is published.

- `home` knows where everything of an installation is and lets one run in at a time.
- `connection` opens a DuckDB warehouse to read, `azure_sql` and `odbc` the servers on Azure.
- `dbt_run` builds a layer with dbt; `data_warnings` words what its tests warn of.
- `answers` asks the marts of the whole business, `customers` of single customers, for the summary
  and the report; `customer_search` finds customers by letters; `person_data` finds persons, and
  knows all that is held on one.
- `load` copies silver into Azure SQL; `publish` makes a build visible at once, or not at all.
- `duckdb_plugin` is what dbt needs and DuckDB's SQL lacks.
"""
