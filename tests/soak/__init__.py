"""A home that is used for hours by operators who are killed, have full disks and wrong clocks.

`python -m tests.soak` (`make soak`) runs it; it is no part of `make test`.
"""
