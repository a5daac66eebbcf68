"""The lake: where everything that arrives and everything that is built from it is stored.

`store` says what every store can do; `local` and `adls` are the two there are (the latter with
`azure_sign_in`, `azure_lease` and `azure_errors`), and `opening` opens one by its location. `paths`
is how the lake is laid out, `manifest` what a batch says about itself and where that is found of
all batches, `versions` which version of silver consumers see, `audit` who did what. Nothing in here
knows the packages above it.
"""
