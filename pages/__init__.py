"""What people open.

- `report` is one page with the answers and a customer finder, and a server that finds everybody.
- `review` is the page on which people say which customers are one person.
- `person` is the page of what is held on one person, to be handed out.
- `docs_site` makes the documentation site of what dbt says about the project; `docs_server` shows
  what is published.
- `composing` has what pages are made with; `serving` serves any of them on this machine only,
  to whoever knows its token.
"""
