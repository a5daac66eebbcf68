"""Lands what arrives - files and API pages - in the lake's bronze layer.

The order in which data passes through the modules:

1. `contract` knows the nine entities and the columns that each of them must bring.
2. `structure` reads a CSV file once, in blocks, and tells good records from malformed lines.
3. `landing` copies files into bronze (or quarantine) as one batch, and commits the batch.
4. `api` pulls the endpoints declared in `sources.yml` into the same batch.
5. `manifest` is what a batch says about itself: the last thing written, so a batch without
   a manifest never happened.

`lake` is where all of it is stored (`adls`: in Azure), `paths` is how it is laid out there, and
`errors` holds everything that can go wrong with a message that its user can act on.
"""
