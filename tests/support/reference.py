"""The contract computed a second time, in plain Python, to compare the product with.

It is written from the contract's words alone and shares nothing with the product but the seeds'
canonical spellings: files are read by hand (`reference_files`), values cleaned by
`reference_cleaning`, and the layers follow one another as `silver`, `gold` and `marts`.

    layers = silver([Batch.of_folder("20260101T000000Z-a", folder)])
    answers = marts(gold(layers))
"""

from .reference_files import Batch, InputFile
from .reference_gold import Gold, gold
from .reference_marts import marts
from .reference_silver import Silver, silver

__all__ = ["Batch", "Gold", "InputFile", "Silver", "gold", "marts", "silver"]
