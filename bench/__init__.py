"""Times runs of the product: full ones beside a script written by hand, and a day's beside them.

`python -m bench --help` tells what it measures; `by_hand` is the script, which does the same job on
the same files. What is measured is checked too: times of wrong answers say nothing.
"""
