"""What people open.

- `report` is one page with the answers and a customer finder, and a server that finds everybody.
- `docs_site` makes the documentation site from what dbt says about the project.
- `serving` serves either of them on this machine only.
"""
