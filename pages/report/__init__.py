"""The report: one page with the answers and a customer finder, for whoever has no Power BI.

`content` asks the marts, `page` makes one self-contained file of what they say (with the template,
style and script in `page/`), `customers` finds any customer in a warehouse, and `server` gives the
page to a browser together with all of them.
"""
