"""The page on which people say which customers are one person, a pair after the other.

`differences` marks what two values do not have in common, `session` knows which pairs of those
that wait were answered here, and `server` serves the page (made of the parts in `page/`) to one
person on this machine.
"""
