"""Who is who: which customers are one person, why, and what people decided about it.

- `matching` goes from silver's customers to persons: `records`, `candidates`, `comparisons`,
  `model`, `judging`, `clusters`, `persons`, `ledger` are its steps; `words` is what names mean.
- `decisions` keeps what people decided; `review` tells of single pairs, `quality` of all.
- `settings` is what the sources file says of it, `store` where it stands in the lake.
"""
