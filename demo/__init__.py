"""Data to try Customer 360 with.

`generator` writes a made-up retailer's files: `retailer` decides what happens there (with the
words of `vocabulary`), `persons` who its customers are (with those of `people_words`, and alike in
the ways of `likeness`), `columns` makes text of it quickly, `defects` spoils some rows, `ledger`
records each, and `answers` adds up what is left. `sources.yml` declares how the files are read, and
`sample_api` serves the newest of it over HTTP. `complete_journey` converts a real retail year.
"""
