"""The lake: where everything that arrives and everything that is built from it is stored.

`store` says what every store can do; `local` and `adls` are the two there are, and `opening` opens
one by its location. `paths` is how the lake is laid out, `manifest` what a batch says about itself,
`versions` which version of silver consumers see. Nothing in here knows the packages above it.
"""
