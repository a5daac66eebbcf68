"""Reads what arrives - files and API records - and lands it in the lake's bronze layer.

The order in which data passes through the modules:

1. `contract` knows the nine entities and the columns that each of them must bring; `declarations`
   what a retailer's sources file says about its files and APIs (`sources_file` checks it),
   `declared` writes down what silver follows of it.
2. `input_files` finds the files of a folder, `landing` copies them into a `batch`, untouched; `api`
   pulls endpoints into the same one (`api_pages` goes from page to page and `api_endpoint` asks for
   each, `cursor` knows what is new). `arrival` says since when a file holds.
3. `reading` makes rows of each file: `containers` unpack it, `dialect` tells how a text is written,
   `readers` read each format (`structure` tells good CSV records from malformed lines), `headers`
   match its columns to the contract, `forms` and `expressions` bring declared forms of values into
   the standard ones, `guards` and `repeats` see what would be misread, `rows` writes them as
   Parquet.
4. `batch` commits: a batch without a manifest never happened.

`batches` is for afterwards: batches are listed, taken back, released from quarantine, read again.
`rows_of_person` finds what of all that arrived is about a person.
`check` tells what files would be read as, and `starting` writes a first declaration for them:
`trials` reads a file as often as asked, `suggestions` says what to declare by what stands in it
(`written`, `likeness`). `upgrade` moves a lake of the first version.
"""
