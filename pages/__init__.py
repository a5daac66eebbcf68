"""What people open.

- `report` is one page with the answers and a customer finder, and a server that finds everybody.
- `docs_site` makes the documentation site of what dbt says about the project; `docs_server` shows
  what is published.
- `serving` serves either of them on this machine only.
"""
