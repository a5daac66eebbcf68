"""The report: one page with the answers and a customer finder, for whoever has no Power BI.

`content` makes of the answers what the page says, `page` makes one self-contained file of it (with
the template, style and script in `page/`), `customers` has every customer of what is published,
`explanations` tells where a figure comes from, and `server` gives the page to a browser together
with all of that.
"""
