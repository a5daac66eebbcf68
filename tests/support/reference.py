"""The contract computed a second time, in plain Python, to compare the product with.

It is written from the contract's words alone and shares nothing with the product but the seeds:
files are read by hand (`reference_files`), values cleaned by `reference_cleaning`, and the layers
follow one another as `silver`, `gold` and `marts`. What is declared and set goes in as `Options`,
and who is who as `Identity`, as it was found out.

    layers = silver([Batch.of_folder("20260101T000000Z-a", folder)], Options(lines=...))
    answers = marts(gold(layers))
"""

from .reference_contract import Options
from .reference_files import Batch, InputFile
from .reference_gold import Gold, gold
from .reference_marts import marts
from .reference_persons import Identity
from .reference_silver import Silver, silver

__all__ = [
    "Batch",
    "Gold",
    "Identity",
    "InputFile",
    "Options",
    "Silver",
    "gold",
    "marts",
    "silver",
]
